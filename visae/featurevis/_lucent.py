"""Interoperation with lucent (github.com/greentfrapp/lucent): its objectives and parameterisations in `render`, visae's
units in its `render_vis`.

The former does not need lucent installed: its objectives are functions that read layers by name and return a loss, its
parameterisations functions that return parameters and a function that makes pictures.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from visae._support.errors import VisaeError
from visae.featurevis._gradient_ascent import PictureBatch
from visae.featurevis.objectives import ForwardPass, Objective
from visae.featurevis.objectives._units import checked_numbers
from visae.networks import Network, middle_position
from visae.units import Units

LucentObjective = Callable[[Callable[[str], Tensor]], Tensor]
LucentParameterisation = Callable[[], tuple[list[Tensor], Callable[[], Tensor]]]

_PROBE = 224  # px, side of the images that show which layers an objective reads
_INPUT = "input"


def from_lucent_objective(lucent: LucentObjective, network: Network, count: int) -> Objective:
    """Convert a lucent objective for `count` pictures that share a batch.

    Its loss is one number for all pictures; minus the loss becomes the score of each. Layers have visae's names, which
    for InceptionV1 are lucent's; `input` stands for the pictures. Raises `VisaeError` for an unknown layer.
    """
    layers: set[str] = set()

    def probe(name: str) -> Tensor:
        if name == _INPUT:
            return torch.rand(count, 3, _PROBE, _PROBE)
        layers.add(name)
        return torch.rand(count, *network.map_shapes([name], _PROBE)[name])

    with torch.no_grad():
        lucent(probe)

    def value(seen: ForwardPass) -> Tensor:
        loss = lucent(lambda name: seen.pictures if name == _INPUT else seen.maps[name])
        return -loss.expand(len(seen.index))

    return Objective(value, frozenset(layers), group_size=count)


def from_lucent_parameterisation(parameterisation: LucentParameterisation) -> PictureBatch:
    """Convert a lucent parameterisation; raises `VisaeError` for an object that is not one."""
    made = parameterisation() if callable(parameterisation) else None
    if not (isinstance(made, tuple) and len(made) == 2 and callable(made[1])):
        raise VisaeError(
            f"{parameterisation!r} is not a parameterisation; give one of visae.featurevis.parameterisations, or a "
            "function that returns parameters and a function that makes pictures, like lucent's param.image"
        )
    return PictureBatch(list(made[0]), made[1])


def lucent_objective(units: Units, number: int) -> Any:
    """Return a unit, for instance a feature of an SAE, as an objective for lucent's `render_vis`.

    Its loss is minus the unit's pre-activation (`Units.pre_activations`) at the middle position, averaged over the
    batch. The layer must have the same name in lucent's model. Raises `VisaeError` for a number out of range, and if
    lucent is not installed (`pip install "visae[lucent]"`).
    """
    checked_numbers(units, number)
    layer = units.layer.name.replace(".", "_")

    def loss(model: Callable[[str], Tensor]) -> Tensor:
        return -units.pre_activations(middle_position(model(layer)))[:, number].mean()

    return _lucent_objectives().Objective(loss, name=f"{units.layer.name} {units.kind[:-1]} {number}")


def _lucent_objectives() -> Any:
    try:
        from lucent.optvis import objectives
    except ImportError as error:
        raise VisaeError(f'lucent is not installed ({error}); pip install "visae[lucent]"') from None
    return objectives
