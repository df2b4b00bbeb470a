"""Models that are trained: x to a narrow layer and back, y = relu(W_out W_in x + b), many of them as one."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Stack:
    """m models of n features; one product computes all.

    Where models differ in the width of their bottleneck, d is the largest, and the rows of W_in and columns of W_out
    that a model has not are zero. They stay zero in training, since the gradient of either is the other times
    something.
    """

    W_in: Float[Tensor, "m d n"]
    W_out: Float[Tensor, "m n d"]
    b: Float[Tensor, "m n"]

    def __call__(self, x: Float[Tensor, "m c n"]) -> Float[Tensor, "m c n"]:
        """Each model's answers to inputs of its own."""
        return torch.baddbmm(self.b[:, None], x @ self.W_in.mT, self.W_out.mT).relu()

    def losses(self, x: Float[Tensor, "m c n"]) -> Float[Tensor, " m"]:
        """Mean squared error over samples and features, of each model."""
        return (self(x) - x).square().mean((1, 2))

    def weights(self) -> Float[Tensor, "m n n"]:
        """W = W_out W_in of each model."""
        return self.W_out @ self.W_in

    def parameters(self) -> list[Tensor]:
        """What is trained."""
        return [self.W_in, self.W_out, self.b]
