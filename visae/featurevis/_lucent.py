"""lucent's objectives and parameterisations here, and visae's units there (github.com/greentfrapp/lucent).

lucent itself is needed for neither: what it calls an objective is a function that reads layers by their names and gives
a loss, and what it calls a parameterisation gives parameters and a function that makes pictures of them.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from visae._support.errors import VisaeError
from visae.featurevis._steps import Canvas
from visae.featurevis.objectives import Objective, Seen
from visae.networks import Network, middle_position
from visae.units import Units

LucentObjective = Callable[[Callable[[str], Tensor]], Tensor]
LucentParameterisation = Callable[[], tuple[list[Tensor], Callable[[], Tensor]]]

_PROBE = 224  # px, of the images with which it is found out which layers an objective reads
_INPUT = "input"


def objective_of(lucent: LucentObjective, network: Network, count: int) -> Objective:
    """An objective of lucent's as one of ours, of `count` pictures that are seen together.

    Its loss, which is one number for all pictures, is every picture's score with the opposite sign. Layers go by the
    names they have here, which for InceptionV1 are lucent's; `input` is the pictures. Raises `VisaeError` for a layer
    that does not exist.
    """
    read: dict[str, None] = {}

    def probe(name: str) -> Tensor:
        if name == _INPUT:
            return torch.rand(count, 3, _PROBE, _PROBE)
        read[name] = None
        return torch.rand(count, *network.map_shapes([name], _PROBE)[name])

    with torch.no_grad():
        lucent(probe)

    def value(seen: Seen) -> Tensor:
        loss = lucent(lambda name: seen.canvas if name == _INPUT else seen.maps[name])
        return -loss.expand(len(seen.index))

    return Objective(value, frozenset(read), together=count)


def lucent_canvas(parameterisation: LucentParameterisation) -> Canvas:
    """The pictures of a parameterisation of lucent's; raises `VisaeError` for what is none."""
    made = parameterisation() if callable(parameterisation) else None
    if not (isinstance(made, tuple) and len(made) == 2 and callable(made[1])):
        raise VisaeError(
            f"{parameterisation!r} is no parameterisation; give one of visae.featurevis.parameterisations, or a "
            "function that returns parameters and a function of pictures, as lucent's param.image does"
        )
    return Canvas(list(made[0]), made[1])


def lucent_objective(units: Units, number: int) -> Any:
    """A unit, an SAE's feature for instance, as an objective for lucent's own `render_vis`.

    Minus what drives the unit (`Units.pre_activations`) at the middle position, over the batch in the mean. Needs
    lucent (`pip install "visae[lucent]"`) and is read from the module that lucent knows by the layer's name.
    """
    if not 0 <= number < len(units):
        raise VisaeError(f"there is no unit {number}; {units.layer.name} has {len(units):,} {units.kind}")
    layer = units.layer.name.replace(".", "_")

    def loss(model: Callable[[str], Tensor]) -> Tensor:
        return -units.pre_activations(middle_position(model(layer)))[:, number].mean()

    return _lucent().Objective(loss, name=f"{units.layer.name} {units.kind[:-1]} {number}")


def _lucent() -> Any:
    try:
        from lucent.optvis import objectives
    except ImportError as error:
        raise VisaeError(f'lucent is not installed ({error}); pip install "visae[lucent]"') from None
    return objectives
