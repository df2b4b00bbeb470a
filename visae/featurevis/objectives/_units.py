"""Objectives that ask for units: neurons, features, or any direction of a layer."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from visae._support.errors import VisaeError
from visae.featurevis.objectives._objective import Objective, Second, Seen
from visae.networks import middle_position
from visae.units import Units

# One number, or one for each picture; also as NumPy and torch have them.
Numbers = int | Sequence[int] | np.integer[Any] | np.ndarray | Tensor
_WEIGHT = 4.0  # of what is missing to fire, in the end
Place = Callable[[Float[Tensor, "b h w"]], Float[Tensor, " b"]]


def centre(maps: Float[Tensor, "b h w"]) -> Float[Tensor, " b"]:
    """The value at the middle position, (h // 2, w // 2)."""
    return maps[:, maps.shape[1] // 2, maps.shape[2] // 2]


def everywhere(maps: Float[Tensor, "b h w"]) -> Float[Tensor, " b"]:
    """The mean over all positions."""
    return maps.mean((1, 2))


def unit(units: Units, numbers: Numbers, at: Place = centre) -> Objective:
    """One unit, or one for each image: a neuron's value, or a feature's pre-activation, less what it lacks to fire.

    A feature that does not fire has a gradient that way. But where few may fire (TopK), pictures that drive a feature
    drive its neighbours more, and it stays silent; so it is asked to be as strong as the weakest of those that fire:

        d_i - w max(min of d_j over j that fire - d_i, 0),   d the drives (`Units.pre_activations`)

    The weight w grows with the steps, from 0 to 4: what is punished from the beginning stays near where nothing fires
    (the quadratic penalty method has the same schedule: Nocedal and Wright 2006, section 17.1).

    A picture that drives its feature, which is silent all the same, is drawn again, with what `along` asks in the place
    of d_i: the encoder's direction led to its rivals, the decoder's may lead elsewhere. If that picture makes the
    feature fire, it is kept.

    Raises `VisaeError` for a number that the units do not have.
    """
    if units.sae is None:
        return _of_units(units, numbers, at, _valued(units.read))
    driven, fires = pre_activation(units, numbers, at), activation(units, numbers, at)
    second = Second(
        lambda seen: (driven.value(seen) > 0) & (fires.value(seen) <= 0),
        _of_units(units, numbers, at, partial(_along_to_fire, units)),
    )
    return replace(_of_units(units, numbers, at, partial(_driven_to_fire, units)), second=second)


def pre_activation(units: Units, numbers: Numbers, at: Place = centre) -> Objective:
    """The same by the pre_activation alone: of a feature its pre-activation, whether or not it fires."""
    return _of_units(units, numbers, at, _valued(units.pre_activations))


def activation(units: Units, numbers: Numbers, at: Place = centre) -> Objective:
    """The same by the unit's value itself: of a feature, after it had to be among those that fire."""
    return _of_units(units, numbers, at, _valued(units.read))


def along(units: Units, numbers: Numbers, power: float = 1.0, at: Place = centre) -> Objective:
    """Units by their directions: of a feature the decoder's, of a neuron its own axis. See `direction`."""
    chosen = checked(units, numbers)
    several = direction(units.layer.name, units.directions[chosen], power, at)
    return replace(several, labels=_labels(units, chosen) if not _is_one(numbers) else ())


def direction(
    layer: str, vectors: Float[Tensor, " d"] | Float[Tensor, "n d"], power: float = 1.0, at: Place = centre
) -> Objective:
    """A direction of a layer, or one for each image: dot(x, v / |v|) * max(cos(x, v), 0.1) ** power at a position x.

    The cosine keeps x from being large in other directions, as in lucid's `direction_neuron_cossim`; a power of 0
    leaves the dot product.
    """
    several = F.normalize(vectors if vectors.ndim == 2 else vectors[None], dim=1)

    def value(seen: Seen) -> Tensor:
        maps = seen.maps[layer]
        own = several.to(maps)[_own(seen.index, len(several)).to(maps.device)]
        return at(_dot_cosine(maps, own, power))

    labels = tuple(f"{layer}: direction {place}" for place in range(len(several))) if vectors.ndim == 2 else ()
    return Objective(value, frozenset([layer]), labels, centred=at is centre)


# From maps of a layer, the number of each image's own unit, and the share of the steps that are done, to the value of
# that unit over the map, [b, h, w].
_Value = Callable[[Tensor, Tensor, float], Tensor]


def _of_units(units: Units, numbers: Numbers, at: Place, read: _Value) -> Objective:
    chosen, layer = checked(units, numbers), units.layer.name

    def value(seen: Seen) -> Tensor:
        maps = seen.maps[layer]
        if at is centre:
            maps = middle_position(maps)
        return at(read(maps, chosen[_own(seen.index, len(chosen))].to(maps.device), seen.done))

    labels = _labels(units, chosen) if not _is_one(numbers) else ()
    return Objective(value, frozenset([layer]), labels, centred=at is centre)


def _valued(read: Callable[[Tensor], Tensor]) -> _Value:
    return lambda maps, own, _: _picked(read(maps), own)


def _dot_cosine(maps: Float[Tensor, "b d h w"], own: Float[Tensor, "b d"], power: float) -> Float[Tensor, "b h w"]:
    """dot(x, v) * max(cos(x, v), 0.1) ** power at every position, v of unit norm."""
    dot = torch.einsum("bdhw,bd->bhw", maps, own)
    # The norm of a position where nothing fires has no gradient; a little is added below the root.
    cosine = dot / (maps.square().sum(1) + 1e-12).sqrt()
    return dot * cosine.clamp_min(0.1).pow(power) if power else dot


def _driven_to_fire(
    units: Units, maps: Float[Tensor, "b c h w"], own: Int64[Tensor, " b"], done: float
) -> Float[Tensor, "b h w"]:
    drives = units.pre_activations(maps)
    return _picked(drives, own) - _WEIGHT * done * _short_of_firing(units, maps, drives, own)


def _along_to_fire(
    units: Units, maps: Float[Tensor, "b c h w"], own: Int64[Tensor, " b"], done: float
) -> Float[Tensor, "b h w"]:
    directions = F.normalize(units.directions.to(maps)[own], dim=1)
    return _dot_cosine(maps, directions, 1.0) - _WEIGHT * done * _short_of_firing(
        units, maps, units.pre_activations(maps), own
    )


def _short_of_firing(
    units: Units, maps: Float[Tensor, "b c h w"], drives: Float[Tensor, "b u h w"], own: Int64[Tensor, " b"]
) -> Float[Tensor, "b h w"]:
    """By how much a unit is weaker than the weakest of those that fire; nothing if it fires, or none does."""
    with torch.no_grad():
        fires = units.read(maps) != 0
    weakest, mine = drives.masked_fill(~fires, torch.inf).amin(1), _picked(drives, own)
    return torch.where(fires.any(1), weakest - mine, 0.0).relu()


def _picked(values: Float[Tensor, "b u h w"], own: Int64[Tensor, " b"]) -> Float[Tensor, "b h w"]:
    """Of each image the map of its own unit."""
    return values[torch.arange(len(own), device=own.device), own]


def _own(index: Int64[Tensor, " b"], count: int) -> Int64[Tensor, " b"]:
    """For each image, which of the units (or directions) is its own: one for all, or one for each."""
    return index if count > 1 else torch.zeros_like(index)


def checked(units: Units, numbers: Numbers) -> Int64[Tensor, " n"]:
    """One or several numbers of units; raises `VisaeError` for none, and for one that the units do not have."""
    chosen = torch.as_tensor([numbers] if _is_one(numbers) else list(numbers), dtype=torch.int64)  # type: ignore[arg-type]
    if not len(chosen):
        raise VisaeError("no units to draw; give at least one")
    for number in chosen.tolist():
        if not 0 <= number < len(units):
            of = f"{units.layer.name} has {len(units):,} {units.kind}"
            raise VisaeError(f"there is no unit {number}; {of}, from 0 to {len(units) - 1}")
    return chosen


def _labels(units: Units, chosen: Int64[Tensor, " n"]) -> tuple[str, ...]:
    return tuple(f"{units.layer.name} {units.kind[:-1]} {number}" for number in chosen.tolist())


def _is_one(numbers: Any) -> bool:
    """Whether it is a number and not several, of whatever library."""
    return not hasattr(numbers, "__len__") or getattr(numbers, "ndim", 1) == 0
