"""The kinds of SAE by name."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from visae._support.errors import VisaeError, unknown
from visae._support.settings import typed
from visae.sae._archetypal import Archetypal
from visae.sae._base import SAEConfig
from visae.sae._baselines import ICA, PCA, Neurons, RandomDirections
from visae.sae._batchtopk import BatchTopK
from visae.sae._block import Block
from visae.sae._gated import Gated
from visae.sae._jumprelu import JumpReLU
from visae.sae._matryoshka import Matryoshka
from visae.sae._relu import ReLU
from visae.sae._topk import TopK

_RECIPES = (
    ReLU,
    Gated,
    TopK,
    BatchTopK,
    JumpReLU,
    Matryoshka,
    Archetypal,
    Block,
    PCA,
    ICA,
    RandomDirections,
    Neurons,
)
KINDS: dict[str, Any] = {recipe.kind: recipe for recipe in _RECIPES}


def recipe(kind: str, settings: Mapping[str, Any]) -> SAEConfig:
    """A recipe from its kind and settings; raises `VisaeError` for a kind or a setting that does not exist,
    and for a setting that is not of its type."""
    if kind not in KINDS:
        raise unknown("kind of SAE", kind, KINDS)
    known = setting_names(kind)
    surplus = [key for key in settings if key not in known]
    if surplus:
        raise VisaeError(f"a {kind} SAE has no setting {', '.join(surplus)}; its settings are {', '.join(known)}")
    made: SAEConfig = KINDS[kind](
        **{key: typed(key, value, getattr(KINDS[kind], key)) for key, value in settings.items()}
    )
    return made


def setting_names(kind: str) -> list[str]:
    """The settings of a kind."""
    return [field.name for field in fields(KINDS[kind])]
