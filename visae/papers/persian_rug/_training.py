"""Training a whole sweep of models at once: all densities, ratios and seeds of one n in batched products."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae._support.seeds import generator
from visae.papers.persian_rug._checks import bottleneck, expect_density
from visae.papers.persian_rug._data import sparsify
from visae.papers.persian_rug._models import Stack

Start = Literal["tied", "apart"]


@dataclass(frozen=True)
class Member:
    """One model of a sweep. The seed decides where it starts and which inputs it sees."""

    ratio: float
    p: float
    seed: int = 0


@dataclass(frozen=True)
class Training:
    """How models are trained: Adam, on fresh samples in every step, the rate falling to zero along a cosine.

    The paper's runs take 30,000 fixed samples 1,500 times, at 3e-3 / sqrt(n). Fresh ones cannot be learned by heart,
    and a higher rate that falls comes to a lower loss in a tenth of the steps.

    steps:    gradient steps.
    batch:    samples a step.
    lr:       the first rate times sqrt(n).
    held_out: samples on which the loss is measured at the end; training has not seen them.
    start:    "tied", W_out begins as the transpose of W_in, with W_ii near 1; "apart", both are drawn for themselves,
              as torch draws its layers, with W_ii near 0: where p is small some features then stay unlearned.
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
class Trained:
    """Trained models, on their device, and their losses on held-out samples, [m]."""

    members: tuple[Member, ...]
    stack: Stack
    losses: Float[Tensor, " m"]


def train(n: int, members: Sequence[Member], training: Training, device: torch.device | str = "cpu") -> Trained:
    """Train models of n features together; each becomes what it would have become alone.

    Members of one seed see the same inputs, made sparse to their densities.
    Raises `VisaeError` for a density outside (0, 1] or a ratio outside (0, 1).
    """
    for member in members:
        expect_density(member.p)
    stack = _started(n, members, training.start, device)
    parameters = [tensor.requires_grad_() for tensor in stack.parameters()]
    optimizer = torch.optim.Adam(parameters, fused=True)
    inputs = _inputs(n, members, training.batch, "inputs", device)
    with Progress(f"training {len(members)} models of {n} features", training.steps, "steps") as progress:
        for step, x in zip(range(training.steps), inputs, strict=False):
            optimizer.param_groups[0]["lr"] = training.rate(step, n)
            optimizer.zero_grad()
            # Adam divides gradients by their size. The sum over features keeps them far above the eps that it adds.
            torch.autograd.backward(n * stack.losses(x).sum())
            optimizer.step()
            progress.update(1)
    stack = Stack(*(tensor.detach() for tensor in parameters))
    return Trained(tuple(members), stack, held_out_losses(stack, members, training.held_out))


@torch.no_grad()
def held_out_losses(stack: Stack, members: Sequence[Member], samples: int, chunk: int = 512) -> Float[Tensor, " m"]:
    """Mean squared error of each model on `samples` inputs, rounded up to whole chunks, that no training draws."""
    n, device = stack.b.shape[1], stack.b.device
    chunks = math.ceil(samples / chunk)
    inputs = _inputs(n, members, chunk, "held out", device)
    sums = torch.zeros(len(members), dtype=torch.float64, device=device)
    with Progress(f"measuring {len(members)} models of {n} features", chunks, "batches") as progress:
        for _, x in zip(range(chunks), inputs, strict=False):
            sums += stack.losses(x)
            progress.update(1)
    return (sums / chunks).cpu()


def _started(n: int, members: Sequence[Member], start: Start, device: torch.device | str) -> Stack:
    widths = [bottleneck(n, member.ratio) for member in members]
    stack = Stack(
        torch.zeros(len(members), max(widths), n),
        torch.zeros(len(members), n, max(widths)),
        torch.zeros(len(members), n),
    )
    for index, (member, d) in enumerate(zip(members, widths, strict=True)):
        source = generator(member.seed, "persian rug", "start", n, d)
        stack.W_in[index, :d], stack.W_out[index, :, :d] = _STARTS[start](n, d, source)
    return Stack(*(tensor.to(device) for tensor in stack.parameters()))


def _tied(n: int, d: int, source: torch.Generator) -> tuple[Float[Tensor, "d n"], Float[Tensor, "n d"]]:
    narrow = torch.randn(d, n, generator=source) / math.sqrt(d)
    return narrow, narrow.T


def _apart(n: int, d: int, source: torch.Generator) -> tuple[Float[Tensor, "d n"], Float[Tensor, "n d"]]:
    narrow, wide = (2 * torch.rand(shape, generator=source) - 1 for shape in ((d, n), (n, d)))
    return narrow / math.sqrt(n), wide / math.sqrt(d)


_STARTS = {"tied": _tied, "apart": _apart}


def _inputs(
    n: int, members: Sequence[Member], batch: int, purpose: str, device: torch.device | str
) -> Iterator[Float[Tensor, "m c n"]]:
    """Batches of inputs without end; one draw a seed."""
    seeds = sorted({member.seed for member in members})
    sources = [generator(seed, "persian rug", purpose, n) for seed in seeds]
    own = torch.tensor([seeds.index(member.seed) for member in members], device=device)
    p = torch.tensor([member.p for member in members], device=device)[:, None, None]
    while True:
        uniform = torch.stack([torch.rand(batch, n, generator=source) for source in sources]).to(device)
        yield sparsify(uniform[own], p)
