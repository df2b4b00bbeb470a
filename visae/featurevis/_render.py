"""Rendering: pictures that maximise an objective, many at a time.

Each picture is optimised by itself, in chunks that fit the cache; the forward pass stops at the last layer that the
objective reads, and gradients are worked out for the pictures' parameters alone. Nothing of the network is changed.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae._support.seeds import generator
from visae.featurevis._lucent import LucentObjective, LucentParameterisation, lucent_canvas, objective_of
from visae.featurevis._steps import Canvas, Drawing, Optimisation, Rendered
from visae.featurevis._transforms import TURN, ZOOM, Transform, wobble
from visae.featurevis._window import Window, window
from visae.featurevis.objectives import Objective
from visae.featurevis.parameterisations import Parameterisation, usual
from visae.networks import Network

# Pictures at once: as many as stay in a CPU's cache, and as many as keep a GPU busy and fit its memory.
_ON_CPU, _ON_GPU = 16, 256
_GPU_PX = _ON_GPU * 128**2
_USUAL = Optimisation()


def render(
    network: Network,
    objective: Objective | LucentObjective,
    count: int | None = None,
    parameterisation: Parameterisation | LucentParameterisation | None = None,
    transform: Transform | None = None,
    size: int | None = None,
    optimisation: Optimisation = _USUAL,
) -> Rendered:
    """Draw pictures that maximise an objective.

    objective:         one of `visae.featurevis.objectives`, or one of lucent's.
    count:             pictures; if None, as many as the objective names units for, or as it must see together.
    parameterisation:  one of `visae.featurevis.parameterisations`, or one of lucent's, which decides count and size
                       itself; `usual` for what is seen, if None.
    transform:         from pictures to what the network is shown; if None, `wobble`, by a tenth of what is seen at
                       first, less and less of it with every step, and nothing in the end.
    size:              px, side of the pictures; if None, that of what the objective sees of them under the shifts.

    Pictures of different units begin with the same noise and see the same transforms, so that what is drawn for a unit
    hardly depends on the others: only in when its chunk ends, and whether a silent one in it needs help. A picture that
    fails (`Objective.second`) is drawn again by what is asked second; it is kept if it does not fail too. Pictures of
    one objective without units of their own begin with different noise. The same call gives the same bytes on a CPU
    with the same number of threads. Raises `VisaeError` for a count that the objective is not of, and for sizes that
    cannot be.
    """
    parts = list(render_chunks(network, objective, count, parameterisation, transform, size, optimisation))

    def joined(name: str) -> Any:
        return torch.cat([getattr(part, name) for part in parts])

    labels = tuple(label for part in parts for label in part.labels)
    return Rendered(joined("pictures"), joined("values"), joined("before"), joined("history"), labels)


def render_chunks(
    network: Network,
    objective: Objective | LucentObjective,
    count: int | None = None,
    parameterisation: Parameterisation | LucentParameterisation | None = None,
    transform: Transform | None = None,
    size: int | None = None,
    optimisation: Optimisation = _USUAL,
) -> Iterator[Rendered]:
    """What `render` draws, in parts, each as soon as it is there: for hundreds of pictures that are to be kept."""
    given = None
    if parameterisation is not None and not isinstance(parameterisation, Parameterisation):
        given = lucent_canvas(parameterisation)
    if given is not None:
        count, size = given.pictures().shape[0], given.pictures().shape[-1]
    of = objective if isinstance(objective, Objective) else objective_of(objective, network, count or 1)
    total = _count(of, count)
    shown = window(network, of, size)
    made_by = parameterisation if isinstance(parameterisation, Parameterisation) else usual(shown.sees)
    labels = of.labels or tuple(f"picture {place}" for place in range(total))
    transform_at = _calming(shown) if transform is None else _always(transform)
    drawing = Drawing(network, of, transform_at, shown.still, optimisation, labels)
    with Progress("render", total * optimisation.steps, "steps") as progress:
        for index in torch.split(torch.arange(total), total if given else _chunk(drawing, shown.size)):
            if given is not None:
                yield drawing.draw(given, index, optimisation.rate or made_by.rate, progress.update)
            else:
                yield _drawn(made_by, drawing, shown.picture, index, progress)


def _drawn(
    of: Parameterisation, drawing: Drawing, size: int, index: Int64[Tensor, " b"], progress: Progress
) -> Rendered:
    """Pictures; those that failed are drawn a second time, if there is something else to ask of them."""
    rate = drawing.optimisation.rate or of.rate
    canvas = _canvas(of, drawing, size, index)
    drawn, second = drawing.draw(canvas, index, rate, progress.update), drawing.objective.second
    if second is None:
        return drawn
    failed = drawing.failed(second, canvas, index)
    if not failed.any():
        return drawn
    again, left = replace(drawing, objective=second.objective), index[failed]
    other = _canvas(of, again, size, left)
    redrawn = again.draw(
        other, left, rate, lambda _, note: progress.update(0, note and f"{note}, {len(left)} drawn a second time")
    )
    better = ~drawing.failed(second, other, left)
    # By what was asked first, as all others.
    redrawn = replace(redrawn, values=drawing.value(other, left), before=drawn.before[failed])
    return drawn.with_others(failed.nonzero()[better, 0], redrawn, better)


def _chunk(drawing: Drawing, size: int) -> int:
    """Pictures at once, of which the network is shown `size` px."""
    together = drawing.objective.together
    fitting = _ON_CPU if drawing.network.device.type == "cpu" else min(_ON_GPU, _GPU_PX // size**2)
    most = drawing.optimisation.chunk or fitting
    return max(most // together, 1) * together


def _canvas(of: Parameterisation, drawing: Drawing, size: int, index: Int64[Tensor, " b"]) -> Canvas:
    # Pictures with units of their own begin alike, but for those that are to differ.
    alike = drawing.objective.labels
    starts = (index % drawing.objective.together if alike else index).tolist()
    seed = drawing.optimisation.seed
    single = {start: of.start(size, generator(seed, "render", "start", start)) for start in starts}
    stacked = [torch.stack(parts) for parts in zip(*(single[start] for start in starts), strict=True)]
    parameters = [parameter.to(drawing.network.device).requires_grad_() for parameter in stacked]
    return Canvas(parameters, lambda: of.pictures(parameters, size))


def _calming(shown: Window) -> Callable[[float], Transform]:
    """The usual wobble, less and less of it: what is drawn coarsely under large ones is made exact in the end."""
    return lambda done: wobble(
        shown.shift * (1 - done), shown.size, shown.centre, turn=TURN * (1 - done), zoom=ZOOM * (1 - done)
    )


def _always(transform: Transform) -> Callable[[float], Transform]:
    return lambda _: transform


def _count(objective: Objective, count: int | None) -> int:
    own = len(objective.labels)
    total = count if count is not None else own or objective.together
    if total < 1 or (own and total != own):
        of = f"an objective of {own}; leave the count out, or ask for as many" if own else "nothing; ask for at least 1"
        raise VisaeError(f"{total} pictures of {of}")
    if total % objective.together:
        raise VisaeError(
            f"{total} pictures, of which {objective.together} at a time are seen together; give a multiple"
        )
    return total
