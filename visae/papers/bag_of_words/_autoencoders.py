"""Tied autoencoders over bags, many at once: h = W x, x_hat = ReLU(W^T h + b), or without the ReLU.

Prieto et al. (arXiv 2603.09972). The encoder has no bias.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.seeds import generator

Output = Literal["relu", "linear"]


@dataclass(frozen=True)
class Recipe:
    """One autoencoder, and how it is trained.

    latent:  size of h, 1 to as many as there are features.
    decay:   weight decay of AdamW, on the weights and the bias.
    output:  "relu", or "linear" for none.
    seed:    of its first weights.
    bags:    which of the sets of bags it is trained on, where there are several.
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
            raise VisaeError(f"the output is {self.output!r}; it is {' or '.join(get_args(Output))}")


@dataclass(frozen=True, eq=False)
class Stack:
    """Autoencoders of the same features, m of them. One with a smaller latent than d has rows of zeros at the end.

    floor: [m], below which an output is not let: 0 for a ReLU, -inf for a linear output.
    """

    weights: Float[Tensor, "m d n"]
    bias: Float[Tensor, "m n"]
    floor: Float[Tensor, " m"]

    def reconstruct(self, x: Float[Tensor, "_ b n"]) -> Float[Tensor, "m b n"]:
        """x_hat of bags, for each member of its own [m, b, n], or for all of the same [1, b, n]."""
        pre = torch.baddbmm(self.bias[:, None], x @ self.weights.mT, self.weights)
        return torch.maximum(pre, self.floor[:, None, None])

    def gram(self) -> Float[Tensor, "m n n"]:
        """W^T W: how much each feature adds to the pre-activation of each."""
        return self.weights.mT @ self.weights

    def member(self, index: int) -> "Stack":
        """One autoencoder, by itself."""
        return Stack(self.weights[index, None], self.bias[index, None], self.floor[index, None])

    def cpu(self) -> "Stack":
        """The same on the CPU."""
        return Stack(self.weights.cpu(), self.bias.cpu(), self.floor.cpu())


def start(recipes: Sequence[Recipe], features: int, device: torch.device | str = "cpu") -> Stack:
    """Autoencoders before training: weights uniform in +-1/sqrt(n), as the paper's code has them; no bias.

    What a member starts from depends on its own recipe only. Raises `VisaeError` where a latent is larger than the
    features.
    """
    weights = torch.zeros(len(recipes), max(recipe.latent for recipe in recipes), features)
    for one, recipe in zip(weights, recipes, strict=True):
        check_latent(recipe.latent, features)
        drawn = torch.rand(recipe.latent, features, generator=generator(recipe.seed, "bag of words", "weights"))
        one[: recipe.latent] = (2 * drawn - 1) / math.sqrt(features)
    floor = torch.tensor([0.0 if recipe.output == "relu" else -math.inf for recipe in recipes])
    return Stack(weights.to(device), torch.zeros(len(recipes), features, device=device), floor.to(device))


def check_latent(latent: int, features: int) -> None:
    """Raise `VisaeError` unless an autoencoder of so many features can have this latent size."""
    if not 1 <= latent <= features:
        raise VisaeError(f"the latent size is {latent}, and there are {features} features; it is 1 to {features}")
