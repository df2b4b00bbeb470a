"""Tied autoencoders over bags, h = W x and x_hat = ReLU(W^T h + b) or without the ReLU: many trained in one pass.

Prieto et al. (arXiv 2603.09972). The encoder has no bias.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args, runtime_checkable

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae._support.seeds import generator
from visae._support.settings import expect_training

Output = Literal["relu", "linear"]
Device = torch.device | str


@dataclass(frozen=True)
class BagAutoencoder:
    """One autoencoder to train.

    latent:  size of h, from 1 to the number of features.
    decay:   weight decay of AdamW, on the weights and the bias.
    output:  "relu" or "linear".
    seed:    seeds its initial weights.
    bags:    index of its training set, if there are several.
    """

    latent: int
    decay: float = 1.0
    output: Output = "relu"
    seed: int = 0
    bags: int = 0

    def __post_init__(self) -> None:
        if self.latent < 1:
            raise VisaeError(f"the latent size is {self.latent}; it must be at least 1")
        if not 0 <= self.decay < math.inf:
            raise VisaeError(f"the weight decay is {self.decay:g}; it must be 0 or more")
        if self.output not in get_args(Output):
            raise VisaeError(f"the output is {self.output!r}; it must be {' or '.join(get_args(Output))}")


@dataclass(frozen=True)
class BagTraining:
    """How all autoencoders of a stack are trained; the defaults are the paper's for its synthetic data.

    lr:        AdamW's learning rate, which falls to `final_lr` along half a cosine over all steps.
    seed:      seeds the order of the bags, which all autoencoders share.
    """

    epochs: int = 200
    batch: int = 256
    lr: float = 1e-2
    final_lr: float = 1e-9
    seed: int = 0

    def __post_init__(self) -> None:
        expect_training("epochs", self.epochs, self.batch, self.lr)

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, 0 <= step < steps."""
        return self.final_lr + (self.lr - self.final_lr) * (1 + math.cos(math.pi * step / steps)) / 2


@runtime_checkable
class BagSets(Protocol):
    """s training sets with equal numbers of bags over the same features."""

    features: int

    def __len__(self) -> int: ...

    def batch(self, rows: Int[Tensor, " b"]) -> Float[Tensor, "s b n"]:
        """The bags at these rows of every set, on the device of `rows`."""
        ...


class DrawnBags:
    """Training sets in memory: values 0 and 1, [s, bags, n]."""

    def __init__(self, values: UInt8[Tensor, "s bags n"]):
        self._values, self.features = values, values.shape[2]

    def __len__(self) -> int:
        return self._values.shape[1]

    def batch(self, rows: Int[Tensor, " b"]) -> Float[Tensor, "s b n"]:
        """The bags at these rows of every set."""
        # Several times faster than indexing on a CPU.
        return self._values.index_select(1, rows).float()


@dataclass(frozen=True, eq=False)
class BagStack:
    """m autoencoders over the same features. One with a latent size below d has rows of zeros at the end.

    floor: [m], lower bound of the outputs: 0 for a ReLU, -inf for a linear output.
    """

    weights: Float[Tensor, "m d n"]
    bias: Float[Tensor, "m n"]
    floor: Float[Tensor, " m"]

    def reconstruct(self, x: Float[Tensor, "_ b n"]) -> Float[Tensor, "m b n"]:
        """x_hat of bags: [m, b, n] for one batch per model, or [1, b, n] for a shared batch."""
        pre = torch.baddbmm(self.bias[:, None], x @ self.weights.mT, self.weights)
        return torch.maximum(pre, self.floor[:, None, None])

    def gram(self) -> Float[Tensor, "m n n"]:
        """W^T W: how much each feature adds to the pre-activation of every other."""
        return self.weights.mT @ self.weights

    def member(self, index: int) -> "BagStack":
        """One autoencoder as a stack of its own."""
        return BagStack(self.weights[index, None], self.bias[index, None], self.floor[index, None])

    def to(self, device: Device) -> "BagStack":
        """The stack on a device."""
        return BagStack(self.weights.to(device), self.bias.to(device), self.floor.to(device))


def initial_stack(models: Sequence[BagAutoencoder], features: int, device: Device = "cpu") -> BagStack:
    """Autoencoders before training: weights uniform in +-1/sqrt(n), as in the paper's code; zero bias.

    The weights of each depend only on its latent size and seed. Raises `VisaeError` for more latents than features.
    """
    weights = torch.zeros(len(models), max(model.latent for model in models), features)
    for row, model in zip(weights, models, strict=True):
        check_latent(model.latent, features)
        uniform = torch.rand(model.latent, features, generator=generator(model.seed, "bag of words", "weights"))
        row[: model.latent] = (2 * uniform - 1) / math.sqrt(features)
    floor = torch.tensor([0.0 if model.output == "relu" else -math.inf for model in models])
    return BagStack(weights, torch.zeros(len(models), features), floor).to(device)


def check_latent(latent: int, features: int) -> None:
    """Raise `VisaeError` unless 1 <= latent <= features."""
    if not 1 <= latent <= features:
        raise VisaeError(f"the latent size is {latent}, but there are {features} features; it must be 1 to {features}")


def train(
    models: Sequence[BagAutoencoder], bags: BagSets, training: BagTraining, device: Device = "cpu", label: str = "bags"
) -> BagStack:
    """Train autoencoders to minimise the mean squared error, all in one batched pass.

    Each is trained as it would be alone, up to rounding. Padding rows of zeros stay zero, since every term of their
    gradient is a product with themselves.

    AdamW (Loshchilov & Hutter 2019): each step first shrinks weights and bias by lr x decay of themselves, then moves
    each by lr at most, or slightly more, as in Adam. So no weight or bias goes far beyond 1 / decay.

    Raises `VisaeError` for more latents than features.
    """
    stack = initial_stack(models, bags.features, device)
    owner = torch.tensor([model.bags for model in models], device=device)
    decay = torch.tensor([model.decay for model in models], device=device)
    adam = torch.optim.Adam([stack.weights, stack.bias], lr=training.lr, fused=True)
    steps = training.epochs * math.ceil(len(bags) / training.batch)
    with Progress(label, steps, "steps") as progress:
        for step, rows in enumerate(_batches(len(bags), training)):
            rate = training.rate(step, steps)
            x = bags.batch(rows.to(device))
            stack.weights.grad, stack.bias.grad = gradients(stack, x if len(x) == 1 else x.index_select(0, owner))
            stack.weights.mul_(1 - rate * decay[:, None, None])
            stack.bias.mul_(1 - rate * decay[:, None])
            adam.param_groups[0]["lr"] = rate
            adam.step()
            progress.update(1)
    return BagStack(stack.weights.detach(), stack.bias.detach(), stack.floor)


def gradients(stack: BagStack, x: Float[Tensor, "_ b n"]) -> tuple[Float[Tensor, "m d n"], Float[Tensor, "m n"]]:
    """Gradients of each model's mean of (x_hat - x)^2 over bags and features, with respect to weights and bias.

    With z = W^T h + b the pre-activation, e = (x_hat - x) [z > floor] and c = 2 / (b n): the error of h is e W^T, so
    dL/dW = c (h^T e + (e W^T)^T x), and dL/db is c times the sum of e over bags. Written out, since autograd takes
    twice as long.
    """
    W, floor = stack.weights, stack.floor[:, None, None]
    h = x @ W.mT
    x_hat = torch.maximum(torch.baddbmm(stack.bias[:, None], h, W), floor)
    # One above the floor and zero at it, as floats: a product with booleans takes several times as long.
    passes = (x_hat - floor).sign_()
    e = x_hat.sub_(x).mul_(passes)
    scale = 2 / (x.shape[1] * x.shape[2])
    by_weights = torch.baddbmm(h.mT @ e, (e @ W.mT).mT, x.expand(len(W), -1, -1))
    return by_weights.mul_(scale), e.sum(1).mul_(scale)


def _batches(count: int, training: BagTraining) -> Iterator[Int[Tensor, " b"]]:
    for epoch in range(training.epochs):
        order = torch.randperm(count, generator=generator(training.seed, "bag of words", "order", epoch))
        yield from torch.split(order, training.batch)
