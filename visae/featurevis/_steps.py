"""The steps of a rendering: one chunk of pictures, from the first noise to the last step."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.featurevis._redirect import redirected
from visae.featurevis._transforms import GREY, Transform
from visae.featurevis.objectives import Objective, Second, Seen
from visae.networks import Network

_LOOK_EVERY = 8  # steps; whether units are silent is looked at, and a GPU waited for
_PATIENCE = 64  # steps, over whose mean a picture must have become better


@dataclass(frozen=True)
class Optimisation:
    """How pictures are optimised.

    steps:      at most.
    rate:       Adam's; the parameterisation's own, if None.
    seed:       decides the first noise and the transforms.
    tolerance:  a chunk ends when all its pictures have converged: none has a mean objective over the last 64 steps that
                is above that of the 64 before by more than this share of it; 0 for never.
    chunk:      pictures at once; what suits the device, if None.
    """

    steps: int = 256
    rate: float | None = None
    seed: int = 0
    tolerance: float = 1e-3
    chunk: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("chunk", 1), ("tolerance", 0)):
            found = getattr(self, name)
            if found is not None and not found >= least:
                raise VisaeError(f"{name} is {found}; it must be at least {least}")
        if self.rate is not None and not self.rate > 0:
            raise VisaeError(f"rate is {self.rate}; it must be above 0")


@dataclass(frozen=True, eq=False)
class Canvas:
    """Some pictures while they are drawn: parameters, leaves that need gradients, and the pictures that they make."""

    parameters: list[Tensor]
    pictures: Callable[[], Float[Tensor, "b c s s"]]


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

    def with_others(self, places: Int64[Tensor, " m"], others: "Rendered", which: Bool[Tensor, " _"]) -> "Rendered":
        """The same, but at these places those of the others that are meant."""

        def put(name: str) -> Tensor:
            mixed: Tensor = getattr(self, name).clone()
            mixed[places] = getattr(others, name)[which]
            return mixed

        return Rendered(put("pictures"), put("values"), put("before"), put("history"), self.labels)


@dataclass(frozen=True, eq=False)
class Drawing:
    """Pictures of a network that maximise an objective.

    transform:  from pictures to what the network is shown, given the share of the steps that is done.
    plain:      the same without anything random.
    labels:     what each of all pictures shows.
    """

    network: Network
    objective: Objective
    transform: Callable[[float], Transform]
    plain: Transform
    optimisation: Optimisation
    labels: tuple[str, ...]

    def draw(
        self, canvas: Canvas, index: Int64[Tensor, " b"], rate: float, update: Callable[[int, str], None]
    ) -> Rendered:
        """Optimise the pictures with these numbers; `update` is told of every step."""
        adam = torch.optim.Adam(canvas.parameters, rate, maximize=True)
        draws = generator(self.optimisation.seed, "render", "transforms")
        before, history, helped = self.value(canvas, index), list[Tensor](), False
        for step in range(self.optimisation.steps):
            done = step / self.optimisation.steps
            see = partial(self._seen, canvas, index, self.transform(done), draws, done)
            looks, drawn_with = step % _LOOK_EVERY == 0, draws.get_state()
            values, gradients = self._gradients(see, helped and not looks, canvas.parameters)
            if looks:
                # A unit that is silent, on the first noise for instance, gives no gradient unless one is let through.
                helped = _any_still(gradients)
                if helped:
                    draws.set_state(drawn_with)
                    values, gradients = self._gradients(see, helped, canvas.parameters)
            for parameter, gradient in zip(canvas.parameters, gradients, strict=True):
                parameter.grad = gradient
            adam.step()
            history.append(values)
            update(len(index), f"objective {values.mean():.3g}" if looks else "")
            if looks and _converged(history, self.optimisation.tolerance):
                break
        left = self.optimisation.steps - len(history)
        update(left * len(index), "")
        steps = F.pad(torch.stack(history, 1), (0, left), value=torch.nan).cpu()
        with torch.no_grad():
            pictures = canvas.pictures().float().cpu()
        labels = tuple(self.labels[place] for place in index.tolist())
        return Rendered(pictures, self.value(canvas, index), before, steps, labels)

    def _gradients(
        self, see: Callable[[], Seen], helped: bool, parameters: list[Tensor]
    ) -> tuple[Float[Tensor, " b"], tuple[Tensor, ...]]:
        """The objective, and its gradients; of the parameters alone: those of weights are not worked out."""
        with redirected() if helped else nullcontext():
            values = self.objective.value(see())
        return values.detach(), torch.autograd.grad(values.sum(), parameters)

    @torch.no_grad()
    def value(self, canvas: Canvas, index: Int64[Tensor, " b"]) -> Float[Tensor, " b"]:
        """The objective of pictures as they are, without transforms."""
        return self.objective.value(self._plain(canvas, index)).cpu()

    @torch.no_grad()
    def failed(self, second: Second, canvas: Canvas, index: Int64[Tensor, " b"]) -> Bool[Tensor, " b"]:
        """Which pictures are not what was wanted, and are to be drawn by what is asked second."""
        return second.failed(self._plain(canvas, index)).cpu()

    def _plain(self, canvas: Canvas, index: Int64[Tensor, " b"]) -> Seen:
        return self._seen(canvas, index, self.plain, torch.Generator(), 1.0)

    def _seen(
        self, canvas: Canvas, index: Int64[Tensor, " b"], transform: Transform, draws: torch.Generator, done: float
    ) -> Seen:
        pictures = canvas.pictures()
        images = transform(_opaque(pictures, draws), draws)
        with precision(self.network.device) if transform is not self.plain else nullcontext():
            read = self.network.read_middle if self.objective.centred else self.network.maps
            maps = read(images.contiguous(memory_format=torch.channels_last), sorted(self.objective.layers))
        return Seen(pictures, images, {layer: of.float() for layer, of in maps.items()}, index, done)


def precision(device: torch.device) -> AbstractContextManager[None]:
    """Half precision for the network where tensor cores make it pay; its own elsewhere. Pictures stay in float32."""
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()


def _opaque(pictures: Float[Tensor, "b c s s"], draws: torch.Generator) -> Float[Tensor, "b 3 s s"]:
    """Pictures with alpha over noise of all scales, the same for all; others as they are."""
    if pictures.shape[1] == 3:
        return pictures
    size, ground = pictures.shape[-1], torch.full((1, 3, 1, 1), GREY)
    for side in (4, 16, size):
        plane = torch.rand(1, 3, side, side, generator=draws) - GREY
        ground = ground + F.interpolate(plane, (size, size), mode="bilinear") / 3
    colours, alpha = pictures[:, :3], pictures[:, 3:]
    return torch.lerp(ground.to(pictures), colours, alpha)


def _any_still(gradients: tuple[Tensor, ...]) -> bool:
    """Whether some picture has no gradient at all."""
    count = len(gradients[0])
    if any(gradient.ndim < 2 or len(gradient) != count for gradient in gradients):
        # Parameters that all pictures share, as lucent's networks of pixels have.
        return not any(bool(gradient.any()) for gradient in gradients)
    moving = torch.stack([gradient.flatten(1).abs().amax(1) for gradient in gradients]).amax(0)
    return bool((moving == 0).any())


def _converged(history: list[Tensor], tolerance: float) -> bool:
    if not tolerance or len(history) < 2 * _PATIENCE:
        return False
    last, before = (torch.stack(part).mean(0) for part in (history[-_PATIENCE:], history[-2 * _PATIENCE : -_PATIENCE]))
    return bool((last - before <= tolerance * before.abs()).all())
