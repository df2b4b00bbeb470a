"""The options of an SAE: its kind, and the settings of all kinds, as the kinds declare them."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, make_dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from visae.sae._config import SAEConfig
from visae.sae._declared import declared_kinds
from visae.sae._registry import in_order, make_config, setting_names, user_kinds

_DEFAULT_KIND = "mod"
_METAVARS = {int: "INT", float: "FLOAT", str: "STR"}
_ENTRY = re.compile(r"^ *(\w+): {1,}(\S.*(?:\n {6,}\S.*)*)", re.MULTILINE)
KINDS = in_order(declared_kinds() | user_kinds())


@dataclass(kw_only=True)
class _SAEOptions:
    """What to train. SAE settings left out take the kind's defaults."""

    sae: Annotated[str, tyro.conf.arg(help="")] = _DEFAULT_KIND

    def given(self) -> dict[str, Any]:
        """The SAE settings that were given."""
        names = {name for config in KINDS.values() for name in setting_names(config)}
        settings: dict[str, Any] = {name: getattr(self, name) for name in sorted(names)}
        return {name: value for name, value in settings.items() if value is not None}

    def is_given(self) -> bool:
        """Whether any SAE option was given."""
        return bool(self.given()) or self.sae != _DEFAULT_KIND

    def check_sae(self) -> None:
        """Raise `VisaeError` for a setting the kind lacks or that is out of range; does not import torch."""
        make_config(self.sae, self.given(), KINDS)

    def open_config(self) -> SAEConfig:
        """The SAE's config, from which it can be built."""
        return make_config(self.sae, self.given())


def field_help(config: type[SAEConfig]) -> dict[str, str]:
    """The help text of each field, from the entries `name:  text` in the docstrings of a config class and its bases."""
    entries: dict[str, str] = {}
    for owner in reversed(config.__mro__):
        for name, text in _ENTRY.findall(owner.__doc__ or ""):
            entries[name] = " ".join(text.split()).rstrip(".")
    return {name: entries.get(name, "") for name in setting_names(config)}


def _help(setting: str, configs: Mapping[str, type[SAEConfig]]) -> str:
    """The help of one setting across all kinds that have it; kinds with the same text are grouped."""
    by_text: dict[str, list[str]] = defaultdict(list)
    for kind, config in configs.items():
        if setting in setting_names(config):
            by_text[field_help(config)[setting]].append(kind)
    return "; ".join(f"{', '.join(kinds)}: {text}" for text, kinds in by_text.items()) + "."


def _options() -> type[_SAEOptions]:
    """`_SAEOptions` with an option for each setting of any kind."""
    kinds = "; ".join(f"{kind}: {config.summary}" for kind, config in KINDS.items())
    kind_help = f"The kind of dictionary. {kinds}. Baselines ({', '.join(_baselines())}) are fitted, not trained."
    options: list[Any] = [
        ("sae", Annotated[Literal[tuple(KINDS)], tyro.conf.arg(help=kind_help, metavar="KIND")], _DEFAULT_KIND)
    ]
    types = {f.name: type(f.default) for config in reversed(KINDS.values()) for f in fields(config)}
    names = dict.fromkeys(name for config in KINDS.values() for name in setting_names(config))
    for name in sorted(names, key=lambda name: (name not in ("width", "k"), name)):
        hint = f"(default: {_default(name)})"
        option = tyro.conf.arg(help=_help(name, KINDS), metavar=_METAVARS[types[name]], help_behavior_hint=hint)
        options.append((name, Annotated[types[name] | None, option], field(default=None, kw_only=True)))
    return make_dataclass("SAEOptions", options, bases=(_SAEOptions,), kw_only=True)


def _default(setting: str) -> str:
    """The default, if all kinds share it."""
    defaults = {str(getattr(config, setting)) for config in KINDS.values() if setting in setting_names(config)}
    return defaults.pop() if len(defaults) == 1 else "the kind's"


def _baselines() -> list[str]:
    return [kind for kind, config in KINDS.items() if config.baseline]


if TYPE_CHECKING:
    SAEOptions = _SAEOptions
else:
    SAEOptions = _options()
    SAEOptions.__doc__ = _SAEOptions.__doc__
