"""The sweep: units of any number of layers, at every combination of a stimulus's parameters, in one pass."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae.networks import Layer
from visae.tuning._responses import Responses
from visae.tuning._views import LARGEST, View, views, widest
from visae.tuning.stimuli import Stimulus, stimulus
from visae.tuning.stimuli._kinds import RADII
from visae.units import Units

Axes = Mapping[str, Float[Tensor, " _"]]
_MIN_ORIENTATIONS = 8


def angles(count: int, period: float = 360.0) -> Float[Tensor, " o"]:
    """Return orientations in degrees from 0 up to the period, at the spacing of `count` on a full circle.

    Raises `VisaeError` for fewer than 8, and for an odd number, which has no opposite orientations.
    """
    if count < _MIN_ORIENTATIONS or count % 2:
        raise VisaeError(f"{count} orientations; ask for at least {_MIN_ORIENTATIONS}, an even number")
    return torch.arange(round(count * period / 360)) * (360 / count)


def default_radii(layer: Layer, count: int) -> Float[Tensor, " r"]:
    """Return radii in px, log-spaced from 0.12 to 2.94 times the side of the layer's receptive field.

    Raises `VisaeError` for fewer than 1.
    """
    if count < 1:
        raise VisaeError(f"{count} radii; ask for at least 1")
    return RADII.values(min(layer.receptive_field, LARGEST), count)


def default_axes(
    kind: Stimulus, layer: Layer, orientations: int = 72, radii: int = 16
) -> dict[str, Float[Tensor, " _"]]:
    """Return the parameters that a sweep of this kind varies by default, and their values; orientation is last."""
    receptive_field = min(layer.receptive_field, LARGEST)
    axes = {
        name: parameter.swept(receptive_field, radii) for name, parameter in kind.parameters.items() if parameter.sweep
    }
    return {**axes, "orientation": angles(orientations, kind.period)}


def sweep(
    populations: Sequence[Units],
    kind: str,
    axes: Axes | None = None,
    fixed: Mapping[str, float] | None = None,
    batch: int = 64,
) -> list[Responses]:
    """Measure the responses of populations of units of one network to a kind of stimulus.

    axes:  parameters to vary, and their values; if None, the kind's defaults for the layer with the largest receptive
           field.
    fixed: values of parameters held constant, if not the defaults.

    Patterns are centred on the receptive field of the position that is read. Layers whose positions share a centre
    share a forward pass. Raises `VisaeError` for no units, units of several networks, an unknown stimulus or parameter,
    and a value that is not allowed.
    """
    drawn, fixed = stimulus(kind), dict(fixed or {})
    if not populations or any(units.network is not populations[0].network for units in populations):
        raise VisaeError("a sweep needs at least one population of units, all of one network")
    if axes is None:
        axes = {name: values for name, values in default_axes(drawn, widest(populations)).items() if name not in fixed}
    axes = dict(axes)
    parameters, shape = _grid(drawn, axes, fixed)
    responses = _measure(populations, drawn, parameters, batch)
    return [
        Responses(
            units.kind,
            units.network.name,
            units.layer.name,
            kind,
            axes,
            values.T.reshape(-1, *shape).contiguous(),
            fixed,
        )
        for units, values in zip(populations, responses, strict=True)
    ]


def _grid(kind: Stimulus, axes: Axes, fixed: Mapping[str, float]) -> tuple[dict[str, Float[Tensor, " n"]], torch.Size]:
    """Return the parameters of every stimulus of a sweep, and the shape of their grid."""
    for name, values in axes.items():
        if name in fixed:
            raise VisaeError(f"{kind.name}: {name} is both fixed and varied; choose one")
        if len(values) == 0:
            raise VisaeError(f"{kind.name}: {name} is varied over no values; give at least one")
    grid = torch.meshgrid(*axes.values(), indexing="ij")
    parameters = dict(zip(axes, (values.flatten() for values in grid), strict=True))
    parameters |= {name: torch.full((grid[0].numel(),), value) for name, value in fixed.items()}
    kind.check(parameters)
    return parameters, grid[0].shape


def _measure(
    populations: Sequence[Units], kind: Stimulus, parameters: Mapping[str, Float[Tensor, " n"]], batch: int
) -> list[Float[Tensor, "n u"]]:
    """Return the responses of each population to every stimulus."""
    count = len(next(iter(parameters.values())))
    measured: dict[int, Tensor] = {}
    needed = views(populations)
    with Progress(f"{kind.name} sweep", count * len(needed), "stimuli") as progress:
        for view in needed:
            parts = []
            for start in range(0, count, batch):
                part = {name: values[start : start + batch] for name, values in parameters.items()}
                parts.append(_read_stimuli(populations, view, kind, part))
                progress.update(len(next(iter(part.values()))))
            for index in view.positions:
                measured[index] = torch.cat([part[index] for part in parts])
    return [measured[index] for index in range(len(populations))]


@torch.inference_mode()
def _read_stimuli(
    populations: Sequence[Units], view: View, kind: Stimulus, parameters: Mapping[str, Float[Tensor, " n"]]
) -> dict[int, Float[Tensor, "n u"]]:
    """Return the responses of the populations that share a view to a batch of stimuli, by index."""
    device = populations[0].network.device
    on_device = {name: values.to(device) for name, values in parameters.items()}
    return read_view(populations, view, kind.images(on_device, view.size, view.centre))


def read_view(
    populations: Sequence[Units], view: View, images: Float[Tensor, "n 3 s s"]
) -> dict[int, Float[Tensor, "n u"]]:
    """Return the responses of the populations that share a view to images of its size, by index."""
    network = populations[0].network
    positions = {populations[index].layer.name: (row, row) for index, row in view.positions.items()}
    maps = network.read_at(images.contiguous(memory_format=torch.channels_last), positions)
    return {
        index: populations[index].read(maps[populations[index].layer.name])[:, :, 0, 0].float().cpu()
        for index in view.positions
    }
