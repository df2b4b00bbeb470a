"""Gradient ascent on an objective: its settings, its result, and its loop over one batch of pictures."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.featurevis._redirected_relu import redirected
from visae.featurevis.objectives import Fallback, ForwardPass, Objective
from visae.featurevis.transforms._transforms import GREY, Transform
from visae.networks import Network

_CHECK_EVERY = 8  # steps between checks for silent units and convergence, which stall a GPU
_PATIENCE = 64  # steps over whose mean a picture must improve
ReluMode = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Optimisation:
    """Settings of the optimiser.

    steps:      maximum number of steps.
    rate:       Adam's learning rate; the parameterisation's, if None.
    seed:       seeds the initial pictures and the transforms.
    tolerance:  a chunk ends once no picture's mean objective over the last 64 steps exceeds its mean over the previous
                64 by more than this fraction; 0 for never.
    chunk:      pictures per batch; if None, chosen for the device.

    Raises `VisaeError` for values out of range.
    """

    steps: int = 256
    rate: float | None = None
    seed: int = 0
    tolerance: float = 1e-3
    chunk: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("chunk", 1), ("tolerance", 0)):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise VisaeError(f"{name} is {value}; it must be at least {least}")
        if self.rate is not None and not self.rate > 0:
            raise VisaeError(f"rate is {self.rate}; it must be above 0")


@dataclass(frozen=True, eq=False)
class PictureBatch:
    """Pictures being optimised: parameters (leaves that require gradients), and the function that makes pictures."""

    parameters: list[Tensor]
    pictures: Callable[[], Float[Tensor, "b c s s"]]


@dataclass(frozen=True, eq=False)
class RenderResult:
    """Rendered pictures and their scores, on the CPU.

    pictures:        [n, c, s, s], 0..1: RGB, or RGB and alpha.
    values:          [n], the objective at each picture without transforms.
    initial_values:  [n], the same before the first step.
    history:         [n, steps], the objective at every step, under its transforms; NaN after an early end.
    labels:          a description of each picture.
    """

    pictures: Float[Tensor, "n c s s"]
    values: Float[Tensor, " n"]
    initial_values: Float[Tensor, " n"]
    history: Float[Tensor, "n t"]
    labels: tuple[str, ...]

    def replace_rows(
        self, rows: Int64[Tensor, " m"], source: "RenderResult", source_rows: Bool[Tensor, " _"]
    ) -> "RenderResult":
        """Return a copy with `rows` replaced by the rows of another result that a mask selects."""

        def replaced(name: str) -> Tensor:
            tensor: Tensor = getattr(self, name).clone()
            tensor[rows] = getattr(source, name)[source_rows]
            return tensor

        return RenderResult(
            replaced("pictures"), replaced("values"), replaced("initial_values"), replaced("history"), self.labels
        )


@dataclass(frozen=True, eq=False)
class GradientAscent:
    """Gradient ascent on an objective of pictures, seen by a network.

    transform:    maps the completed fraction of the steps to the transform between pictures and network.
    unperturbed:  the transform without randomness.
    labels:       a description of every picture.
    """

    network: Network
    objective: Objective
    transform: Callable[[float], Transform]
    unperturbed: Transform
    optimisation: Optimisation
    labels: tuple[str, ...]

    def run(
        self, batch: PictureBatch, index: Int64[Tensor, " b"], rate: float, update: Callable[[int, str], None]
    ) -> RenderResult:
        """Optimise a batch of pictures, at positions `index` among all; `update` reports picture-steps."""
        adam = torch.optim.Adam(batch.parameters, rate, maximize=True)
        draws = generator(self.optimisation.seed, "render", "transforms")
        steps, initial_values, history = self.optimisation.steps, self.values(batch, index), list[Tensor]()
        relus: ReluMode = nullcontext
        for step in range(steps):
            observe = partial(self._observe, batch, index, self.transform(step / steps), draws, step / steps)
            check = step % _CHECK_EVERY == 0
            if check:
                values, gradients, relus = self._checked_gradients(observe, batch.parameters, draws)
            else:
                values, gradients = self._gradients(observe, batch.parameters, relus)
            for parameter, gradient in zip(batch.parameters, gradients, strict=True):
                parameter.grad = gradient
            adam.step()
            history.append(values)
            update(len(index), f"objective {values.mean():.3g}" if check else "")
            if check and _converged(history, self.optimisation.tolerance):
                break
        skipped = steps - len(history)
        update(skipped * len(index), "")
        padded = F.pad(torch.stack(history, 1), (0, skipped), value=torch.nan).cpu()
        with torch.no_grad():
            pictures = batch.pictures().float().cpu()
        labels = tuple(self.labels[position] for position in index.tolist())
        return RenderResult(pictures, self.values(batch, index), initial_values, padded, labels)

    @torch.no_grad()
    def values(self, batch: PictureBatch, index: Int64[Tensor, " b"]) -> Float[Tensor, " b"]:
        """Return the objective of pictures without transforms."""
        return self.objective.value(self._observe_unperturbed(batch, index)).cpu()

    @torch.no_grad()
    def failed(self, fallback: Fallback, batch: PictureBatch, index: Int64[Tensor, " b"]) -> Bool[Tensor, " b"]:
        """Return which pictures failed and need rendering with the fallback."""
        return fallback.failed(self._observe_unperturbed(batch, index)).cpu()

    def _checked_gradients(
        self, observe: Callable[[], ForwardPass], parameters: list[Tensor], draws: torch.Generator
    ) -> tuple[Float[Tensor, " b"], tuple[Tensor, ...], ReluMode]:
        """Return the objective, its gradients, and the ReLU mode that gives every picture a gradient."""
        state = draws.get_state()
        values, gradients = self._gradients(observe, parameters, nullcontext)
        if not _any_vanished(gradients):
            return values, gradients, nullcontext
        draws.set_state(state)
        return *self._gradients(observe, parameters, redirected), redirected

    def _gradients(
        self, observe: Callable[[], ForwardPass], parameters: list[Tensor], relus: ReluMode
    ) -> tuple[Float[Tensor, " b"], tuple[Tensor, ...]]:
        """Return the objective and its gradients for the pictures' parameters, but none for the weights."""
        with relus():
            values = self.objective.value(observe())
        return values.detach(), torch.autograd.grad(values.sum(), parameters)

    def _observe_unperturbed(self, batch: PictureBatch, index: Int64[Tensor, " b"]) -> ForwardPass:
        return self._observe(batch, index, self.unperturbed, torch.Generator(), 1.0)

    def _observe(
        self,
        batch: PictureBatch,
        index: Int64[Tensor, " b"],
        transform: Transform,
        draws: torch.Generator,
        progress: float,
    ) -> ForwardPass:
        pictures = batch.pictures()
        images = transform(_over_noise(pictures, draws), draws)
        with precision(self.network.device) if transform is not self.unperturbed else nullcontext():
            read = self.network.read_middle if self.objective.centred else self.network.maps
            maps = read(images.contiguous(memory_format=torch.channels_last), sorted(self.objective.layers))
        return ForwardPass(pictures, images, {name: map_.float() for name, map_ in maps.items()}, index, progress)


def precision(device: torch.device) -> AbstractContextManager[None]:
    """Context manager: bfloat16 for the network on CUDA, which tensor cores speed up. Pictures stay in float32."""
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()


def _over_noise(pictures: Float[Tensor, "b c s s"], draws: torch.Generator) -> Float[Tensor, "b 3 s s"]:
    """Composite pictures with alpha over noise of several scales, the same for all; return RGB unchanged."""
    if pictures.shape[1] == 3:
        return pictures
    size, background = pictures.shape[-1], torch.full((1, 3, 1, 1), GREY)
    for side in (4, 16, size):
        plane = torch.rand(1, 3, side, side, generator=draws) - GREY
        background = background + F.interpolate(plane, (size, size), mode="bilinear") / 3
    colours, alpha = pictures[:, :3], pictures[:, 3:]
    return torch.lerp(background.to(pictures), colours, alpha)


def _any_vanished(gradients: tuple[Tensor, ...]) -> bool:
    """Whether the gradient of some picture is zero."""
    count = len(gradients[0])
    if any(gradient.ndim < 2 or len(gradient) != count for gradient in gradients):
        # Parameters that all pictures share, as in lucent's CPPNs.
        return not any(bool(gradient.any()) for gradient in gradients)
    largest = torch.stack([gradient.flatten(1).abs().amax(1) for gradient in gradients]).amax(0)
    return bool((largest == 0).any())


def _converged(history: list[Tensor], tolerance: float) -> bool:
    """Whether no picture is still improving; see `Optimisation.tolerance`."""
    if not tolerance or len(history) < 2 * _PATIENCE:
        return False
    last, before = (torch.stack(part).mean(0) for part in (history[-_PATIENCE:], history[-2 * _PATIENCE : -_PATIENCE]))
    return bool((last - before <= tolerance * before.abs()).all())
