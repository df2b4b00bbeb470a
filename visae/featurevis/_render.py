"""Rendering: pictures that maximise an objective, many at a time.

Pictures are optimised independently, in chunks that fit in cache. The forward pass stops at the last layer that the
objective reads, and gradients are computed only for the pictures' parameters. The network is not changed.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from jaxtyping import Int64
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae._support.seeds import generator
from visae.featurevis._gradient_ascent import GradientAscent, Optimisation, PictureBatch, RenderResult
from visae.featurevis._lucent import (
    LucentObjective,
    LucentParameterisation,
    from_lucent_objective,
    from_lucent_parameterisation,
)
from visae.featurevis._window import Window, smallest_window
from visae.featurevis.objectives import Objective
from visae.featurevis.parameterisations import Parameterisation, default_parameterisation
from visae.featurevis.transforms._transforms import ROTATION, ZOOM, Transform, random_affine
from visae.networks import Network

# Pictures per batch: what stays in a CPU's cache; what keeps a GPU busy, and fits in its memory at 128 px.
_ON_CPU, _ON_GPU = 16, 256
_GPU_PX = _ON_GPU * 128**2
_DEFAULT = Optimisation()


def render(
    network: Network,
    objective: Objective | LucentObjective,
    count: int | None = None,
    parameterisation: Parameterisation | LucentParameterisation | None = None,
    transform: Transform | None = None,
    size: int | None = None,
    optimisation: Optimisation = _DEFAULT,
) -> RenderResult:
    """Render pictures that maximise an objective.

    objective:         one of `visae.featurevis.objectives`, or one of lucent's.
    count:             pictures; if None, one per unit of the objective, or one of the groups it compares.
    parameterisation:  one of `visae.featurevis.parameterisations`, or one of lucent's, which then determines count and
                       size; if None, `default_parameterisation` for the receptive field.
    transform:         between pictures and network; if None, `random_affine` with shifts of a tenth of the receptive
                       field, reduced linearly to zero over the steps.
    size:              px, side of the pictures; if None, as much as the objective sees under the shifts.

    Pictures of different units start from the same noise and get the same transforms, so that a picture barely depends
    on which others are rendered: only through the step at which its chunk ends, and through silent units in the chunk
    (`redirected`). A picture that fails (`Objective.fallback`) is rendered again with the fallback's objective, and the
    second picture is kept if it does not fail too. Pictures of one objective without separate units start from
    different noise. On a CPU with the same number of threads, the same call returns the same bytes.

    Raises `VisaeError` for a count that does not match the objective, and for impossible sizes.
    """
    parts = list(render_chunks(network, objective, count, parameterisation, transform, size, optimisation))
    return RenderResult(
        torch.cat([part.pictures for part in parts]),
        torch.cat([part.values for part in parts]),
        torch.cat([part.initial_values for part in parts]),
        torch.cat([part.history for part in parts]),
        tuple(label for part in parts for label in part.labels),
    )


def render_chunks(
    network: Network,
    objective: Objective | LucentObjective,
    count: int | None = None,
    parameterisation: Parameterisation | LucentParameterisation | None = None,
    transform: Transform | None = None,
    size: int | None = None,
    optimisation: Optimisation = _DEFAULT,
) -> Iterator[RenderResult]:
    """Yield the results of `render` in chunks as they finish, to save hundreds of pictures along the way."""
    batch = None
    if parameterisation is not None and not isinstance(parameterisation, Parameterisation):
        batch = from_lucent_parameterisation(parameterisation)
        count, size = batch.pictures().shape[0], batch.pictures().shape[-1]
    if not isinstance(objective, Objective):
        objective = from_lucent_objective(objective, network, count or 1)
    total = _picture_count(objective, count)
    window = smallest_window(network, objective, size)
    schedule = _annealed(window) if transform is None else _constant(transform)
    labels = objective.labels or tuple(f"picture {index}" for index in range(total))
    ascent = GradientAscent(network, objective, schedule, window.unperturbed, optimisation, labels)
    default = default_parameterisation(window.receptive_field)
    own = parameterisation if isinstance(parameterisation, Parameterisation) else default
    with Progress("render", total * optimisation.steps, "steps") as progress:
        if batch is not None:
            yield ascent.run(batch, torch.arange(total), optimisation.rate or own.rate, progress.update)
            return
        for index in torch.split(torch.arange(total), _chunk_size(ascent, window.size)):
            yield _render_chunk(own, ascent, window.picture_size, index, progress)


def _render_chunk(
    parameterisation: Parameterisation,
    ascent: GradientAscent,
    size: int,
    index: Int64[Tensor, " b"],
    progress: Progress,
) -> RenderResult:
    """Render pictures, and failed ones once more with the objective's fallback, if it has one."""
    rate = ascent.optimisation.rate or parameterisation.rate
    batch = _initial_batch(parameterisation, ascent, size, index)
    first, fallback = ascent.run(batch, index, rate, progress.update), ascent.objective.fallback
    if fallback is None:
        return first
    failed = ascent.failed(fallback, batch, index)
    if not failed.any():
        return first
    retry, retried = replace(ascent, objective=fallback.objective), index[failed]
    batch = _initial_batch(parameterisation, retry, size, retried)
    second = retry.run(
        batch, retried, rate, lambda _, note: progress.update(0, note and f"{note}, {len(retried)} rendered again")
    )
    succeeded = ~ascent.failed(fallback, batch, retried)
    # Scored by the first objective, like all other pictures.
    second = replace(second, values=ascent.values(batch, retried), initial_values=first.initial_values[failed])
    return first.replace_rows(failed.nonzero()[succeeded, 0], second, succeeded)


def _chunk_size(ascent: GradientAscent, window_size: int) -> int:
    """Return the number of pictures to optimise per batch: whole groups, for a network input of `window_size` px."""
    group_size = ascent.objective.group_size
    fitting = _ON_CPU if ascent.network.device.type == "cpu" else min(_ON_GPU, _GPU_PX // window_size**2)
    limit = ascent.optimisation.chunk or fitting
    return max(limit // group_size, 1) * group_size


def _initial_batch(
    parameterisation: Parameterisation, ascent: GradientAscent, size: int, index: Int64[Tensor, " b"]
) -> PictureBatch:
    """Draw initial parameters: the same for pictures of different units, except within a group that is compared."""
    streams = (index % ascent.objective.group_size if ascent.objective.labels else index).tolist()
    seed = ascent.optimisation.seed
    single = {
        stream: parameterisation.initial_parameters(size, generator(seed, "render", "start", stream))
        for stream in streams
    }
    stacked = [torch.stack(parts) for parts in zip(*(single[stream] for stream in streams), strict=True)]
    parameters = [parameter.to(ascent.network.device).requires_grad_() for parameter in stacked]
    return PictureBatch(parameters, lambda: parameterisation.pictures(parameters, size))


def _annealed(window: Window) -> Callable[[float], Transform]:
    """The default transform, reduced with progress: coarse structure forms first, under large shifts, details last."""
    return lambda progress: random_affine(
        window.max_shift * (1 - progress),
        window.size,
        window.centre,
        rotation=ROTATION * (1 - progress),
        zoom=ZOOM * (1 - progress),
    )


def _constant(transform: Transform) -> Callable[[float], Transform]:
    return lambda _: transform


def _picture_count(objective: Objective, count: int | None) -> int:
    """Return the number of pictures; raises `VisaeError` if it does not match the objective."""
    units, group_size = len(objective.labels), objective.group_size
    if count is None:
        count = units or group_size
    if units and count != units:
        raise VisaeError(f"count is {count}, but the objective has {units} units; leave count out, or give {units}")
    if count < 1:
        raise VisaeError(f"count is {count}; give at least 1")
    if count % group_size:
        raise VisaeError(f"count is {count}, but the objective compares groups of {group_size}; give a multiple")
    return count
