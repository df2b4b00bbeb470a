"""The trained model, x to a narrow layer and back, y = relu(W_out W_in x + b); many are trained in one pass."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import Progress, track
from visae._support.seeds import generator
from visae.papers.persian_rug._theory import expect_density, expect_ratio

Start = Literal["tied", "apart"]
STARTS: tuple[Start, ...] = get_args(Start)
Device = torch.device | str


@dataclass(frozen=True)
class RugModel:
    """One model to train. The seed decides its initial weights and its inputs."""

    ratio: float
    p: float
    seed: int = 0


@dataclass(frozen=True)
class RugTraining:
    """How models are trained: Adam on fresh samples at every step, with cosine decay of the learning rate to zero.

    The paper trains on 30,000 fixed samples 1,500 times, at 3e-3 / sqrt(n). Fresh samples cannot be memorised, and a
    higher, decaying rate reaches a lower loss in a tenth of the steps.

    steps:    gradient steps.
    batch:    samples per step.
    lr:       initial learning rate times sqrt(n).
    held_out: samples on which the final loss is measured; training never draws them.
    start:    "tied": W_out starts as the transpose of W_in, with W_ii near 1. "apart": the two are drawn independently,
              as torch initialises its layers, with W_ii near 0; at small p some features then stay unlearned.
    """

    steps: int = 4000
    batch: int = 256
    lr: float = 0.1
    held_out: int = 8192
    start: Start = "tied"

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.held_out) < 1 or not 0 < self.lr < math.inf:
            raise VisaeError(
                f"steps is {self.steps}, batch {self.batch}, held_out {self.held_out}, lr {self.lr:g}; "
                "the first three must be at least 1, lr above 0"
            )

    def rate(self, step: int, n: int) -> float:
        """The learning rate of a step, 0 <= step < steps."""
        return self.lr / math.sqrt(n) * (1 + math.cos(math.pi * step / self.steps)) / 2


@dataclass(frozen=True, eq=False)
class RugStack:
    """m models of n features, computed in one batched product.

    d is the width of the widest bottleneck; narrower models are padded with zero rows of W_in and columns of W_out.
    These stay zero in training, since the gradient of each is a product with the other.
    """

    W_in: Float[Tensor, "m d n"]
    W_out: Float[Tensor, "m n d"]
    b: Float[Tensor, "m n"]

    def __call__(self, x: Float[Tensor, "m c n"]) -> Float[Tensor, "m c n"]:
        """Outputs of each model on its own inputs."""
        return torch.baddbmm(self.b[:, None], x @ self.W_in.mT, self.W_out.mT).relu()

    def losses(self, x: Float[Tensor, "m c n"]) -> Float[Tensor, " m"]:
        """Mean squared error of each model over samples and features."""
        return (self(x) - x).square().mean((1, 2))

    def weights(self) -> Float[Tensor, "m n n"]:
        """W = W_out W_in of each model."""
        return self.W_out @ self.W_in

    def parameters(self) -> list[Tensor]:
        """The trained tensors."""
        return [self.W_in, self.W_out, self.b]


@dataclass(frozen=True, eq=False)
class TrainedRugs:
    """Trained models on their device, and their losses on held-out samples, [m]."""

    models: tuple[RugModel, ...]
    stack: RugStack
    losses: Float[Tensor, " m"]


def bottleneck(n: int, ratio: float) -> int:
    """Return the width d of the bottleneck nearest to `ratio` n, from 1 to n - 1.

    Raises `VisaeError` for a ratio outside (0, 1) or fewer than two features.
    """
    expect_ratio(ratio)
    if n < 2:
        raise VisaeError(f"{n} features cannot be squeezed through a bottleneck; use 2 or more")
    return min(max(round(ratio * n), 1), n - 1)


def sample_inputs(count: int, n: int, p: float, source: torch.Generator) -> Float[Tensor, "count n"]:
    """Draw inputs [count, n] on the CPU; raises `VisaeError` for p outside (0, 1]."""
    expect_density(p)
    return sparsify(torch.rand(count, n, generator=source), torch.tensor(p))


def sparsify(uniform: Float[Tensor, "*u"], p: Float[Tensor, "*p"]) -> Float[Tensor, "*x"]:
    """Turn uniform numbers into inputs of density p: u / p where u < p, 0 elsewhere.

    One draw determines both whether a feature is active and how strongly, since u / p is uniform where u < p; so one
    draw serves any number of densities. In single precision u has 2^24 steps, and an active feature 2^24 p.
    """
    return torch.where(uniform < p, uniform / p, 0.0)


def train(n: int, models: Sequence[RugModel], training: RugTraining, device: Device = "cpu") -> TrainedRugs:
    """Train models of n features together; each ends as if it had been trained alone.

    Models of one seed see the same inputs, made sparse to their densities.
    Raises `VisaeError` for a density outside (0, 1] or a ratio outside (0, 1).
    """
    for model in models:
        expect_density(model.p)
    stack = initial_stack(n, models, training.start, device)
    parameters = [tensor.requires_grad_() for tensor in stack.parameters()]
    optimizer = torch.optim.Adam(parameters, fused=True)
    inputs = batches(n, models, training.batch, "inputs", device)
    with Progress(f"training {len(models)} models of {n} features", training.steps, "steps") as progress:
        for step, x in zip(range(training.steps), inputs, strict=False):
            optimizer.param_groups[0]["lr"] = training.rate(step, n)
            optimizer.zero_grad()
            # Adam divides gradients by their size. Summing over features keeps them far above the eps that it adds.
            torch.autograd.backward(n * stack.losses(x).sum())
            optimizer.step()
            progress.update(1)
    stack = RugStack(*(tensor.detach() for tensor in parameters))
    return TrainedRugs(tuple(models), stack, held_out_losses(stack, models, training.held_out))


@torch.no_grad()
def held_out_losses(stack: RugStack, models: Sequence[RugModel], samples: int, chunk: int = 512) -> Float[Tensor, " m"]:
    """Mean squared error of each model on `samples` inputs, rounded up to whole chunks, never drawn in training."""
    n, device = stack.b.shape[1], stack.b.device
    chunks = math.ceil(samples / chunk)
    inputs = batches(n, models, chunk, "held out", device)
    sums = torch.zeros(len(models), dtype=torch.float64, device=device)
    for _ in track(range(chunks), f"measuring {len(models)} models of {n} features", "batches"):
        sums += stack.losses(next(inputs))
    return (sums / chunks).cpu()


def initial_stack(n: int, models: Sequence[RugModel], start: Start, device: Device) -> RugStack:
    """Models before training; the initial weights of each depend only on its width and seed."""
    widths = [bottleneck(n, model.ratio) for model in models]
    m, d = len(models), max(widths)
    W_in, W_out = torch.zeros(m, d, n), torch.zeros(m, n, d)
    for index, (model, width) in enumerate(zip(models, widths, strict=True)):
        source = generator(model.seed, "persian rug", "start", n, width)
        W_in[index, :width], W_out[index, :, :width] = _initial_weights(n, width, start, source)
    return RugStack(W_in.to(device), W_out.to(device), torch.zeros(m, n, device=device))


def _initial_weights(
    n: int, d: int, start: Start, source: torch.Generator
) -> tuple[Float[Tensor, "d n"], Float[Tensor, "n d"]]:
    if start == "tied":
        W_in = torch.randn(d, n, generator=source) / math.sqrt(d)
        return W_in, W_in.T
    W_in, W_out = (2 * torch.rand(shape, generator=source) - 1 for shape in ((d, n), (n, d)))
    return W_in / math.sqrt(n), W_out / math.sqrt(d)


def batches(
    n: int, models: Sequence[RugModel], batch: int, purpose: str, device: Device
) -> Iterator[Float[Tensor, "m c n"]]:
    """Yield batches of inputs endlessly; models of one seed share a draw."""
    seeds = sorted({model.seed for model in models})
    sources = [generator(seed, "persian rug", purpose, n) for seed in seeds]
    draw = torch.tensor([seeds.index(model.seed) for model in models], device=device)
    p = torch.tensor([model.p for model in models], device=device)[:, None, None]
    while True:
        uniform = torch.stack([torch.rand(batch, n, generator=source) for source in sources]).to(device)
        yield sparsify(uniform[draw], p)
