"""TrainingConfig many tied autoencoders in one pass over the bags."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from visae._support.progress import Progress
from visae._support.seeds import generator
from visae._support.settings import expect_training
from visae.papers.bag_of_words._autoencoders import Recipe, Stack, start


@runtime_checkable
class Bags(Protocol):
    """Sets of bags, s of them, all of the same number of bags and the same features."""

    @property
    def features(self) -> int:
        """How many features there are."""
        ...

    def __len__(self) -> int:
        """Bags of a set."""
        ...

    def batch(self, rows: Int[Tensor, " b"]) -> Float[Tensor, "s b n"]:
        """The bags at some rows of every set, on the device of `rows`."""
        ...


class Drawn:
    """Sets of bags that lie on a device: values 0 and 1, [s, bags, n]."""

    def __init__(self, values: UInt8[Tensor, "s bags n"]):
        self._values = values

    @property
    def features(self) -> int:
        """How many features there are."""
        return self._values.shape[2]

    def __len__(self) -> int:
        return self._values.shape[1]

    def batch(self, rows: Int[Tensor, " b"]) -> Float[Tensor, "s b n"]:
        """The bags at some rows of every set."""
        # On a CPU it is several times as fast as indexing.
        return self._values.index_select(1, rows).float()


@dataclass(frozen=True)
class Fitting:
    """How all of a stack are trained; the defaults are the paper's for its synthetic data.

    lr:    of AdamW, falling to `least` by half a cosine over all steps.
    seed:  of the order of the bags, which is the same for all members.
    """

    epochs: int = 200
    batch: int = 256
    lr: float = 1e-2
    least: float = 1e-9
    seed: int = 0

    def __post_init__(self) -> None:
        expect_training(self.epochs, self.batch, self.lr)

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, 0 <= step < steps."""
        return self.least + (self.lr - self.least) * (1 + math.cos(math.pi * step / steps)) / 2


def fit(
    recipes: Sequence[Recipe], bags: Bags, fitting: Fitting, device: torch.device | str = "cpu", label: str = "train"
) -> Stack:
    """Train autoencoders, all of them in one batched pass, to the least mean squared error.

    A member's training is the one that it would have alone, but for rounding. Rows of zeros, which a member has beyond
    its latent size, stay zeros: every term of their gradient is a product with themselves.

    AdamW (Loshchilov & Hutter 2019): each step first takes lr x decay off weights and bias, then follows Adam, by lr at
    most or a little more. So no weight, and no bias, goes far beyond 1 / decay.

    Raises `VisaeError` for a latent size that the features do not allow.
    """
    stack = start(recipes, bags.features, device)
    owner = torch.tensor([recipe.bags for recipe in recipes], device=device)
    decay = torch.tensor([recipe.decay for recipe in recipes], device=device)
    adam = torch.optim.Adam([stack.weights, stack.bias], lr=fitting.lr, fused=True)
    steps = fitting.epochs * math.ceil(len(bags) / fitting.batch)
    with Progress(label, steps, "steps") as progress:
        for step, rows in enumerate(_batches(len(bags), fitting)):
            rate = fitting.rate(step, steps)
            stack.weights.grad, stack.bias.grad = gradients(stack, _of_members(bags.batch(rows.to(device)), owner))
            stack.weights.mul_(1 - rate * decay[:, None, None])
            stack.bias.mul_(1 - rate * decay[:, None])
            adam.param_groups[0]["lr"] = rate
            adam.step()
            progress.update(1)
    return Stack(stack.weights.detach(), stack.bias.detach(), stack.floor)


def gradients(stack: Stack, x: Float[Tensor, "_ b n"]) -> tuple[Float[Tensor, "m d n"], Float[Tensor, "m n"]]:
    """Of each member's mean over bags and features of (x_hat - x)^2, by its weights and its bias.

    With z = W^T h + b the pre-activation, e = (x_hat - x) [z > floor] and c = 2 / (b n): what goes back to h is e W^T,
    so dL/dW = c (h^T e + (e W^T)^T x), and dL/db is c times the sum of e over bags. By hand, since autograd takes twice
    as long.
    """
    W, floor = stack.weights, stack.floor[:, None, None]
    h = x @ W.mT
    x_hat = torch.maximum(torch.baddbmm(stack.bias[:, None], h, W), floor)
    # One above the floor and zero at it: as floats, since a product with truth values takes several times as long.
    passes = (x_hat - floor).sign_()
    e = x_hat.sub_(x).mul_(passes)
    scale = 2 / (x.shape[1] * x.shape[2])
    of_weights = torch.baddbmm(h.mT @ e, (e @ W.mT).mT, x.expand(len(W), -1, -1))
    return of_weights.mul_(scale), e.sum(1).mul_(scale)


def _batches(count: int, fitting: Fitting) -> Iterator[Int[Tensor, " b"]]:
    for epoch in range(fitting.epochs):
        order = torch.randperm(count, generator=generator(fitting.seed, "bag of words", "order", epoch))
        for first in range(0, count, fitting.batch):
            yield order[first : first + fitting.batch]


def _of_members(x: Float[Tensor, "s b n"], owner: Int[Tensor, " m"]) -> Float[Tensor, "_ b n"]:
    """Each member's bags; where there is one set, it once for all."""
    return x if len(x) == 1 else x.index_select(0, owner)
