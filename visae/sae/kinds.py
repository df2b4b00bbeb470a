"""The kinds of SAE by name."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from visae.errors import VisaeError, unknown
from visae.sae.base import Recipe
from visae.sae.relu import ReLU
from visae.sae.topk import TopK

KINDS: dict[str, type[TopK] | type[ReLU]] = {"relu": ReLU, "topk": TopK}


def recipe(kind: str, settings: Mapping[str, Any]) -> Recipe:
    """A recipe from its kind and settings; raises `VisaeError` for a kind or a setting that does not exist,
    and for a setting that is not a number of its kind."""
    if kind not in KINDS:
        raise unknown("kind of SAE", kind, KINDS)
    known = [field.name for field in fields(KINDS[kind])]
    surplus = [key for key in settings if key not in known]
    if surplus:
        raise VisaeError(f"a {kind} SAE has no setting {', '.join(surplus)}; its settings are {', '.join(known)}")
    return KINDS[kind](**{key: _number(key, value, getattr(KINDS[kind], key)) for key, value in settings.items()})


def _number(key: str, value: Any, default: int | float) -> Any:
    """A setting as the kind of number that it is; files and command lines write 5 for 5.0."""
    if isinstance(value, type(default)) and not isinstance(value, bool):
        return value
    if isinstance(default, float) and type(value) is int:
        return float(value)
    raise VisaeError(f"{key} is {value!r}; it must be {'a whole number' if isinstance(default, int) else 'a number'}")
