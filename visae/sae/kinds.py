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
    """A recipe from its kind and settings; raises `VisaeError` for a kind or a setting that does not exist."""
    if kind not in KINDS:
        raise unknown("kind of SAE", kind, KINDS)
    known = [field.name for field in fields(KINDS[kind])]
    surplus = [key for key in settings if key not in known]
    if surplus:
        raise VisaeError(f"a {kind} SAE has no setting {', '.join(surplus)}; its settings are {', '.join(known)}")
    return KINDS[kind](**settings)
