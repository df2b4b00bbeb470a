"""The sweep: units of any number of layers, at every combination of a stimulus's parameters, in one pass."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae.tuning._axes import angles, default_axes, default_radii
from visae.tuning._curves import Curves
from visae.tuning._responses import Responses
from visae.tuning._views import View, views, widest
from visae.tuning.stimuli import Stimulus, stimulus
from visae.units import Units

# The circles of the published sweeps, by the names under which they are asked for.
CIRCLES = {"stroke": "circle", "filled": "disc"}

Axes = Mapping[str, Float[Tensor, " _"]]


def curves(
    units: Units,
    stimulus: str = "stroke",
    orientations: int = 72,
    radii: int | Float[Tensor, " r"] = 16,
    batch: int = 64,
) -> Curves:
    """Responses of units to circles through the centre of what one position sees.

    stimulus:      `stroke` or `filled`.
    orientations:  how many, evenly over 360 degrees.
    radii:         px; or how many, log-spaced from 0.12 to 2.94 receptive fields.

    The rim passes through the centre of the receptive field of the position that is read. Raises `VisaeError` for a
    stimulus that does not exist, for fewer than 8 orientations or 1 radius, and for a radius that is not above 0.
    """
    if stimulus not in CIRCLES:
        raise VisaeError(f"no circle named {stimulus!r}; there are {', '.join(CIRCLES)}")
    r = radii.float() if isinstance(radii, Tensor) else default_radii(units.layer, radii)
    axes = {"radius": r, "orientation": angles(orientations)}
    found = sweep([units], CIRCLES[stimulus], axes, batch=batch)[0]
    return Curves(found.kind, found.network, found.layer, stimulus, axes["orientation"], r, found.values)


def sweep(
    populations: Sequence[Units],
    kind: str,
    axes: Axes | None = None,
    fixed: Mapping[str, float] | None = None,
    batch: int = 64,
) -> list[Responses]:
    """Responses of populations of units of one network to a kind of stimulus, for each population.

    axes:  parameters to vary, and their values; those of `default_axes` for the layer that sees most, if None.
    fixed: values of parameters that are not varied, where not the defaults.

    Patterns lie at the centre of what the position that is read sees. Layers whose positions share a centre share a
    forward pass. Raises `VisaeError` for no units, units of several networks, a stimulus or a parameter that does not
    exist, and a value that it may not have.
    """
    of, fixed = stimulus(kind), dict(fixed or {})
    if not populations or any(units.network is not populations[0].network for units in populations):
        raise VisaeError("a sweep is of units of one network; give at least one population, and no other network's")
    if axes is None:
        axes = {name: values for name, values in default_axes(of, widest(populations)).items() if name not in fixed}
    axes = dict(axes)
    for name, values in axes.items():
        if len(values) == 0 or name in fixed:
            raise VisaeError(f"{kind}: {name} is {'fixed and varied' if name in fixed else 'varied over no values'}")
    of.check(axes | {name: torch.tensor([value]) for name, value in fixed.items()})
    return [
        Responses(units.kind, units.network.name, units.layer.name, kind, axes, values, fixed)
        for units, values in zip(populations, _measured(populations, of, axes, fixed, batch), strict=True)
    ]


def _measured(
    populations: Sequence[Units], kind: Stimulus, axes: Axes, fixed: Mapping[str, float], batch: int
) -> list[Float[Tensor, "u ..."]]:
    grid = torch.meshgrid(*axes.values(), indexing="ij")
    parameters = dict(zip(axes, (values.flatten() for values in grid), strict=True))
    count, shape = grid[0].numel(), grid[0].shape
    parameters |= {name: torch.full((count,), value) for name, value in fixed.items()}
    measured: dict[int, Tensor] = {}
    shown = views(populations)
    with Progress(f"{kind.name} sweep", count * len(shown), "stimuli") as progress:
        for view in shown:
            parts = []
            for start in range(0, count, batch):
                part = {name: values[start : start + batch] for name, values in parameters.items()}
                parts.append(_seen(populations, view, kind, part))
                progress.update(len(next(iter(part.values()))))
            for index in view.positions:
                measured[index] = torch.cat([part[index] for part in parts]).T.reshape(-1, *shape).contiguous()
    return [measured[index] for index in range(len(populations))]


@torch.inference_mode()
def _seen(
    populations: Sequence[Units], view: View, kind: Stimulus, parameters: Mapping[str, Float[Tensor, " n"]]
) -> dict[int, Float[Tensor, "n u"]]:
    """Responses of the populations that share a view to a batch of stimuli, by index."""
    device = populations[0].network.device
    on_device = {name: values.to(device) for name, values in parameters.items()}
    return read_view(populations, view, kind.images(on_device, view.size, view.centre))


def read_view(
    populations: Sequence[Units], view: View, images: Float[Tensor, "n 3 s s"]
) -> dict[int, Float[Tensor, "n u"]]:
    """Responses of the populations that share a view to images of its size, by index."""
    network = populations[0].network
    positions = {populations[index].layer.name: (row, row) for index, row in view.positions.items()}
    there = network.read_at(images.contiguous(memory_format=torch.channels_last), positions)
    return {
        index: populations[index].read(there[populations[index].layer.name])[:, :, 0, 0].float().cpu()
        for index in view.positions
    }
