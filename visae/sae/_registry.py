"""The kinds of SAE by name. Does not import torch until kinds are listed.

A kind is one file of this package, or of a user's: a config class under `@register_kind`, and the SAE that it builds.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from visae._support.errors import VisaeError, unknown
from visae._support.settings import typed
from visae.sae._config import LineStyle, SAEConfig

_Config = TypeVar("_Config", bound=type[SAEConfig])
_REGISTERED: dict[str, type[SAEConfig]] = {}


def register_kind(config: _Config) -> _Config:
    """Register a kind of SAE: a decorator for its config class, a frozen dataclass under `visae.SAEConfig`.

    From then on it trains, resumes, loads, evaluates and appears in plots by its name `config.kind`. Raises
    `VisaeError` for any other class, for a setting without a default or with one that is neither a number nor a string,
    and for a name that is taken.
    """
    name = config.__dict__.get("kind")
    is_dataclass = issubclass(config, SAEConfig) and "__dataclass_fields__" in config.__dict__
    if not is_dataclass or not isinstance(name, str) or not hasattr(config, "sae"):
        raise VisaeError(
            f"{config.__name__} cannot be a kind; give a frozen dataclass under SAEConfig that has a kind and an sae"
        )
    _refuse_settings(config)
    if not config.__module__.startswith("visae.sae."):
        # This package's kinds come first, so that their names are taken.
        kinds()
    before = _REGISTERED.get(name)
    # The same class defined again, as when a notebook cell runs twice, replaces the first.
    if before is not None and (before.__module__, before.__qualname__) != (config.__module__, config.__qualname__):
        raise VisaeError(f"there is a kind {name!r} already, {before.__module__}.{before.__qualname__}; choose another")
    _REGISTERED[name] = config
    return config


def _refuse_settings(config: type[SAEConfig]) -> None:
    """Raise `VisaeError` for settings without a default, and for those that files and options cannot hold."""
    unset = [field.name for field in fields(config) if not hasattr(config, field.name)]
    if unset:
        raise VisaeError(f"{config.__name__} has no default for {', '.join(unset)}; every setting of a kind needs one")
    for field in fields(config):
        default = getattr(config, field.name)
        if type(default) not in (int, float, str):
            raise VisaeError(
                f"{field.name} of {config.__name__} is {default!r}; a setting is a whole number, a number or a string"
            )


def kinds() -> dict[str, type[SAEConfig]]:
    """Return every registered kind by name, this package's and users', baselines last. Imports torch."""
    package = importlib.import_module("visae.sae")
    for module in pkgutil.iter_modules(package.__path__, "visae.sae."):
        importlib.import_module(module.name)
    return in_order(_REGISTERED)


def user_kinds() -> dict[str, type[SAEConfig]]:
    """Return the kinds that were registered outside this package, by name."""
    return {name: config for name, config in _REGISTERED.items() if not config.__module__.startswith("visae.sae.")}


def in_order(configs: Mapping[str, type[SAEConfig]]) -> dict[str, type[SAEConfig]]:
    """Sort kinds in the order in which they are listed and drawn: by name, baselines last."""
    return dict(sorted(configs.items(), key=lambda item: (item[1].baseline, item[0])))


def make_config(
    kind: str, settings: Mapping[str, Any], known: Mapping[str, type[SAEConfig]] | None = None
) -> SAEConfig:
    """Return the config of a kind by name; missing settings take their defaults.

    known:  kinds to choose from; all that are registered, if None.

    Raises `VisaeError` for an unknown kind or setting, and for a setting of the wrong type.
    """
    known = kinds() if known is None else known
    if kind not in known:
        raise unknown("kind of SAE", kind, known)
    names = setting_names(known[kind])
    surplus = [key for key in settings if key not in names]
    if surplus:
        raise VisaeError(f"a {kind} SAE has no setting {', '.join(surplus)}; its settings are {', '.join(names)}")
    return known[kind](**{key: typed(key, value, getattr(known[kind], key)) for key, value in settings.items()})


def setting_names(config: type[SAEConfig]) -> list[str]:
    """Return the settings of a kind."""
    return [field.name for field in fields(config)]


def style_of(kind: str) -> LineStyle:
    """Return how a kind is drawn: in grey if it is not registered."""
    config = kinds().get(kind)
    return LineStyle() if config is None else config.style
