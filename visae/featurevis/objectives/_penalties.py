"""Costs of a picture itself, whatever the network sees in it."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from visae.featurevis.objectives._objective import Objective, Seen


def penalty(of_canvas: Callable[[Float[Tensor, "b c s s"]], Float[Tensor, " b"]]) -> Objective:
    """A cost of the canvas itself, to be subtracted: `unit(...) - 0.1 * penalty(roughness)`."""
    return Objective(lambda seen: of_canvas(seen.canvas), frozenset(), centred=True)


def roughness(canvas: Float[Tensor, "b c s s"]) -> Float[Tensor, " b"]:
    """Total variation: the mean absolute difference between neighbouring pixels, right and down."""
    across = (canvas[..., 1:] - canvas[..., :-1]).abs().mean((1, 2, 3))
    return across + (canvas[..., 1:, :] - canvas[..., :-1, :]).abs().mean((1, 2, 3))


def opacity(canvas: Float[Tensor, "b c s s"]) -> Float[Tensor, " b"]:
    """The mean of the alpha channel; 1 without one."""
    return canvas[:, 3].mean((1, 2)) if canvas.shape[1] == 4 else canvas.new_ones(len(canvas))


def sparing(objective: Objective, cost: float = 0.5) -> Objective:
    """An objective of pictures with alpha that loses this share of what it scores where they are opaque throughout.

    score * (1 - cost * opacity), on the objective's own scale; scores below zero stay as they are.
    """

    def spared(score: Tensor, seen: Seen) -> Tensor:
        return torch.where(score > 0, score * (1 - cost * opacity(seen.canvas)), score)

    return objective.scored(spared)
