"""Objectives that maximise units: neurons, features, or any direction of a layer."""

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
from visae.featurevis.objectives._objective import Fallback, ForwardPass, Objective
from visae.networks import middle_position
from visae.units import Units

# One unit for all pictures, or one for each; NumPy's and torch's integers too.
UnitNumbers = int | Sequence[int] | np.integer[Any] | np.ndarray | Tensor
# Reduces a unit's map to one value.
SpatialReduction = Callable[[Float[Tensor, "b h w"]], Float[Tensor, " b"]]
_GAP_WEIGHT = 4.0  # of the gap to the weakest firing feature, at the last step


def centre(maps: Float[Tensor, "b h w"]) -> Float[Tensor, " b"]:
    """The value at the middle position, (h // 2, w // 2)."""
    return maps[:, maps.shape[1] // 2, maps.shape[2] // 2]


def everywhere(maps: Float[Tensor, "b h w"]) -> Float[Tensor, " b"]:
    """The mean over all positions."""
    return maps.mean((1, 2))


def unit(units: Units, numbers: UnitNumbers, at: SpatialReduction = centre) -> Objective:
    """Maximise one unit, or one per picture: a neuron's value, or a feature's pre-activation minus its gap to firing.

    A pre-activation has a gradient even where its feature is silent. But if only a few features may fire (TopK),
    pictures that drive a feature tend to drive its neighbours more, and it stays silent. So the gap to the weakest
    firing feature is penalised:

        d_i - w max(min {d_j : j fires} - d_i, 0),   d = `Units.pre_activations`

    The weight w grows linearly from 0 to 4 over the steps: with a large penalty from the start, pictures stay near ones
    on which nothing fires (the quadratic penalty method has the same schedule: Nocedal and Wright 2006, section 17.1).

    A picture that still leaves its feature silent is rendered again with `unit_direction` in place of d_i: the
    encoder's direction led to the feature's rivals, and the decoder's may lead elsewhere. The second picture is kept if
    the feature fires on it.

    Raises `VisaeError` for a number out of range.
    """
    if units.sae is None:
        return _unit_objective(units, numbers, at, _values_of(units.read))
    driven, fires = pre_activation(units, numbers, at), activation(units, numbers, at)
    fallback = Fallback(
        lambda seen: (driven.value(seen) > 0) & (fires.value(seen) <= 0),
        _unit_objective(units, numbers, at, partial(_direction_less_gap, units)),
    )
    return replace(_unit_objective(units, numbers, at, partial(_pre_activation_less_gap, units)), fallback=fallback)


def pre_activation(units: Units, numbers: UnitNumbers, at: SpatialReduction = centre) -> Objective:
    """Maximise pre-activations alone, whether or not the features fire; for neurons, their values. See `unit`."""
    return _unit_objective(units, numbers, at, _values_of(units.pre_activations))


def activation(units: Units, numbers: UnitNumbers, at: SpatialReduction = centre) -> Objective:
    """Maximise the units' values, which for a feature are 0, without gradient, unless it fires. See `unit`."""
    return _unit_objective(units, numbers, at, _values_of(units.read))


def unit_direction(units: Units, numbers: UnitNumbers, power: float = 1.0, at: SpatialReduction = centre) -> Objective:
    """Drive the layer along units' directions: a feature's decoder row, or a neuron's axis. See `direction`."""
    chosen = checked_numbers(units, numbers)
    objective = direction(units.layer.name, units.directions[chosen], power, at)
    return replace(objective, labels=() if _is_scalar(numbers) else _labels(units, chosen))


def direction(
    layer: str,
    vectors: Float[Tensor, " d"] | Float[Tensor, "n d"],
    power: float = 1.0,
    at: SpatialReduction = centre,
) -> Objective:
    """Drive a layer along one direction, or one per picture: dot(x, v / |v|) * max(cos(x, v), 0.1) ** power.

    x is a position's activation vector. The cosine keeps x from growing in other directions, as in lucid's
    `direction_neuron_cossim`; a power of 0 leaves the dot product.
    """
    rows = F.normalize(vectors if vectors.ndim == 2 else vectors[None], dim=1)

    def value(seen: ForwardPass) -> Tensor:
        maps = seen.maps[layer]
        targets = rows.to(maps)[_target_rows(seen.index, len(rows)).to(maps.device)]
        return at(_dot_cosine(maps, targets, power))

    labels = tuple(f"{layer}: direction {row}" for row in range(len(rows))) if vectors.ndim == 2 else ()
    return Objective(value, frozenset([layer]), labels, centred=at is centre)


# Maps a layer's maps [b, c, h, w], each picture's unit [b] and the progress of the steps to that unit's map [b, h, w].
_UnitMap = Callable[[Tensor, Tensor, float], Tensor]


def _unit_objective(units: Units, numbers: UnitNumbers, at: SpatialReduction, read: _UnitMap) -> Objective:
    chosen, layer = checked_numbers(units, numbers), units.layer.name

    def value(seen: ForwardPass) -> Tensor:
        maps = seen.maps[layer]
        if at is centre:
            maps = middle_position(maps)
        targets = chosen[_target_rows(seen.index, len(chosen))].to(maps.device)
        return at(read(maps, targets, seen.progress))

    labels = () if _is_scalar(numbers) else _labels(units, chosen)
    return Objective(value, frozenset([layer]), labels, centred=at is centre)


def _values_of(read: Callable[[Tensor], Tensor]) -> _UnitMap:
    return lambda maps, targets, _: _select(read(maps), targets)


def _dot_cosine(maps: Float[Tensor, "b d h w"], vectors: Float[Tensor, "b d"], power: float) -> Float[Tensor, "b h w"]:
    """dot(x, v) * max(cos(x, v), 0.1) ** power at every position, for v of unit norm."""
    dot = torch.einsum("bdhw,bd->bhw", maps, vectors)
    # The norm has no gradient at zero, where nothing fires; hence the small constant under the root.
    cosine = dot / (maps.square().sum(1) + 1e-12).sqrt()
    return dot * cosine.clamp_min(0.1).pow(power) if power else dot


def _pre_activation_less_gap(
    units: Units, maps: Float[Tensor, "b c h w"], targets: Int64[Tensor, " b"], progress: float
) -> Float[Tensor, "b h w"]:
    pre_activations = units.pre_activations(maps)
    gap = _gap_to_firing(units, maps, pre_activations, targets)
    return _select(pre_activations, targets) - _GAP_WEIGHT * progress * gap


def _direction_less_gap(
    units: Units, maps: Float[Tensor, "b c h w"], targets: Int64[Tensor, " b"], progress: float
) -> Float[Tensor, "b h w"]:
    vectors = F.normalize(units.directions.to(maps)[targets], dim=1)
    gap = _gap_to_firing(units, maps, units.pre_activations(maps), targets)
    return _dot_cosine(maps, vectors, 1.0) - _GAP_WEIGHT * progress * gap


def _gap_to_firing(
    units: Units,
    maps: Float[Tensor, "b c h w"],
    pre_activations: Float[Tensor, "b u h w"],
    targets: Int64[Tensor, " b"],
) -> Float[Tensor, "b h w"]:
    """How far each target is below the weakest firing unit; 0 where the target fires or nothing does."""
    with torch.no_grad():
        fires = units.read(maps) != 0
    weakest = pre_activations.masked_fill(~fires, torch.inf).amin(1)
    return torch.where(fires.any(1), weakest - _select(pre_activations, targets), 0.0).relu()


def _select(values: Float[Tensor, "b u h w"], targets: Int64[Tensor, " b"]) -> Float[Tensor, "b h w"]:
    """Return each picture's map of its own unit."""
    return values[torch.arange(len(targets), device=targets.device), targets]


def _target_rows(index: Int64[Tensor, " b"], count: int) -> Int64[Tensor, " b"]:
    """Return which of `count` targets each picture has: the only one, or the one with the picture's index."""
    return index if count > 1 else torch.zeros_like(index)


def checked_numbers(units: Units, numbers: UnitNumbers) -> Int64[Tensor, " n"]:
    """Return unit numbers as a tensor; raises `VisaeError` for none, and for one out of range."""
    as_list = [numbers] if _is_scalar(numbers) else list(numbers)  # type: ignore[arg-type]
    chosen = torch.as_tensor(as_list, dtype=torch.int64)
    if not len(chosen):
        raise VisaeError("no unit is given; give at least one")
    for number in chosen.tolist():
        if not 0 <= number < len(units):
            raise VisaeError(
                f"no unit {number}: {units.layer.name} has {len(units):,} {units.kind}; give numbers from 0 to "
                f"{len(units) - 1}"
            )
    return chosen


def _labels(units: Units, chosen: Int64[Tensor, " n"]) -> tuple[str, ...]:
    return tuple(f"{units.layer.name} {units.kind[:-1]} {number}" for number in chosen.tolist())


def _is_scalar(numbers: Any) -> bool:
    """Whether it is a single number, from any library."""
    return not hasattr(numbers, "__len__") or getattr(numbers, "ndim", 1) == 0
