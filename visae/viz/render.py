"""Rendering: pictures that maximise an objective, many at a time.

Each picture is optimised by itself, in chunks that fit the cache; the forward pass stops at the last layer that the
objective reads, and gradients are worked out for the pictures' parameters alone. Nothing of the network is changed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from visae.errors import VisaeError
from visae.progress import Progress
from visae.seeds import generator
from visae.viz.lucent import LucentObjective, LucentParameterisation, lucent_canvas, objective_of
from visae.viz.objectives import Objective
from visae.viz.parameterisations import Fourier, Parameterisation
from visae.viz.steps import Canvas, Drawing, Drawn, Optimisation
from visae.viz.transforms import Transform, wobble
from visae.viz.window import Window, window
from visae.zoo.network import Network

SHIFT = 8  # px, either way
# Pictures at once: as many as stay in a CPU's cache, and as many as keep a GPU busy.
_CHUNK = {"cpu": 8, "cuda": 256}
_FOURIER, _USUAL = Fourier(), Optimisation()


@dataclass(frozen=True, eq=False)
class Rendered:
    """What was drawn.

    pictures:  [n, c, s, s], 0..1: RGB, or RGB and alpha; on the CPU.
    values:    [n], the objective of each picture as it is, without transforms.
    before:    [n], the same of the noise it began with.
    history:   [n, steps], the objective at every step, under that step's transforms; nan after an early end.
    labels:    what each picture shows.
    """

    pictures: Float[Tensor, "n c s s"]
    values: Float[Tensor, " n"]
    before: Float[Tensor, " n"]
    history: Float[Tensor, "n t"]
    labels: tuple[str, ...]


def render(
    network: Network,
    objective: Objective | LucentObjective,
    count: int | None = None,
    parameterisation: Parameterisation | LucentParameterisation = _FOURIER,
    transform: Transform | None = None,
    size: int | None = None,
    optimisation: Optimisation = _USUAL,
) -> Rendered:
    """Draw pictures that maximise an objective.

    objective:         one of `visae.viz.objectives`, or one of lucent's.
    count:             pictures; if None, as many as the objective names units for, or as it must see together.
    parameterisation:  one of `visae.viz.parameterisations`, or one of lucent's, which decides count and size itself.
    transform:         from pictures to what the network is shown; `wobble` with shifts of up to 8 px, if None.
    size:              px, side of the pictures; if None, that of what the objective sees of them under the shifts.

    Pictures of different units begin with the same noise and see the same transforms, so that what is drawn for a unit
    does not depend on the others; pictures of one objective without units of their own begin with different noise. The
    same call gives the same bytes on a CPU with the same number of threads. Raises `VisaeError` for a count that the
    objective is not of, and for sizes that cannot be.
    """
    given = None if isinstance(parameterisation, Parameterisation) else lucent_canvas(parameterisation)
    if given is not None:
        count, size = given.pictures().shape[0], given.pictures().shape[-1]
    of = objective if isinstance(objective, Objective) else objective_of(objective, network, count or 1)
    total = _count(of, count)
    shown = window(network, of, size, SHIFT)
    drawing = Drawing(network, of, transform or _standard(shown), _plain(shown), optimisation)
    index = torch.arange(total)
    with Progress("render", total * optimisation.steps, "steps") as progress:
        if given is not None:
            drawn = [drawing.draw(given, index, optimisation.rate or Fourier.rate, progress.update)]
        else:
            assert isinstance(parameterisation, Parameterisation)
            drawn = _in_chunks(drawing, parameterisation, shown.picture, index, progress.update)
    return _together(drawn, of.labels or tuple(f"picture {place}" for place in range(total)))


def _in_chunks(
    drawing: Drawing,
    parameterisation: Parameterisation,
    size: int,
    index: Int64[Tensor, " n"],
    update: Callable[[int, str], None],
) -> list[Drawn]:
    settings, objective = drawing.optimisation, drawing.objective
    most = settings.chunk or _CHUNK.get(drawing.network.device.type, _CHUNK["cuda"])
    chunk = max(most // objective.together, 1) * objective.together
    drawn = []
    for part in torch.split(index, chunk):
        # Pictures with units of their own begin alike, but for those that are to differ.
        starts = part % objective.together if objective.labels else part
        canvas = _canvas(parameterisation, size, starts.tolist(), settings.seed, drawing.network.device)
        drawn.append(drawing.draw(canvas, part, settings.rate or parameterisation.rate, update))
    return drawn


def _canvas(of: Parameterisation, size: int, starts: list[int], seed: int, device: torch.device) -> Canvas:
    single = {start: of.start(size, generator(seed, "render", "start", start)) for start in starts}
    stacked = [torch.stack(parts).to(device) for parts in zip(*(single[start] for start in starts), strict=True)]
    parameters = [parameter.requires_grad_() for parameter in stacked]
    return Canvas(parameters, lambda: of.pictures(parameters, size))


def _together(drawn: list[Drawn], labels: tuple[str, ...]) -> Rendered:
    def all_of(name: str) -> Any:
        return torch.cat([getattr(part, name) for part in drawn])

    return Rendered(all_of("pictures"), all_of("values"), all_of("before"), all_of("history"), labels)


def _standard(shown: Window) -> Transform:
    return wobble(SHIFT, shown.size, shown.centre)


def _plain(shown: Window) -> Transform:
    return wobble(0, shown.size, shown.centre, turn=0, zoom=0)


def _count(objective: Objective, count: int | None) -> int:
    own = len(objective.labels)
    total = count or own or objective.together
    if total < 1 or (own and total != own):
        raise VisaeError(f"{total} pictures of an objective of {own}; leave the count out, or ask for as many")
    if total % objective.together:
        raise VisaeError(
            f"{total} pictures, of which {objective.together} at a time are seen together; give a multiple"
        )
    return total
