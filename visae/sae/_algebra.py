"""The algebra that all kinds share, for one SAE [...] or for a stack of them [s, ...]."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def linear(
    z: Float[Tensor, "n d"] | Float[Tensor, "s n d"], weight: Float[Tensor, "*s m d"], bias: Float[Tensor, "*s m"]
) -> Float[Tensor, "*s n m"]:
    """z weight^T + bias, as one batched product for a stack, whose members may share rows."""
    if weight.ndim == 2:
        return F.linear(z, weight, bias)
    if len(weight) == 1:
        return F.linear(z.reshape(-1, z.shape[-1]), weight[0], bias[0])[None]
    return torch.baddbmm(bias[:, None], z.expand(len(weight), *z.shape[-2:]), weight.mT)


def shifted(
    bias: Float[Tensor, "*s m"], weight: Float[Tensor, "*s m d"], origin: Float[Tensor, "*s d"]
) -> Float[Tensor, "*s m"]:
    """Return the bias b' for which weight z + b' = weight (z - origin) + bias."""
    return bias - (weight @ origin[..., None])[..., 0]


def with_ones(rows: Float[Tensor, "n d"]) -> Float[Tensor, "n e"]:
    """Append a column of ones, so that one product also adds the bias, and its gradient contains the bias's."""
    return torch.cat([rows, rows.new_ones(len(rows), 1)], 1)


def random_directions(width: int, dim: int, generator: torch.Generator) -> Float[Tensor, "m d"]:
    """Return directions drawn uniformly on the unit sphere."""
    return F.normalize(torch.randn(width, dim, generator=generator), dim=1)


def squared_error(z: Float[Tensor, "*r n d"], reconstruction: Float[Tensor, "*s n d"]) -> Float[Tensor, "*s"]:
    """Return the mean over rows of |z - reconstruction|^2."""
    # One pass forward and one backward, where a difference and a square would take six.
    losses = F.mse_loss(reconstruction, z.expand_as(reconstruction), reduction="none")
    return losses.sum((-2, -1)) / reconstruction.shape[-2]


@torch.no_grad()
def drop_parallel_gradient(directions: Tensor) -> None:
    """Remove the component along each row from the gradient of unit rows."""
    gradient = directions.grad
    assert gradient is not None
    gradient.addcmul_(torch.linalg.vecdot(gradient, directions)[..., None], directions, value=-1)


@torch.no_grad()
def project_to_sphere(directions: Tensor) -> None:
    """Scale rows to unit norm."""
    directions /= directions.norm(dim=-1, keepdim=True).clamp_min(1e-12)


@torch.no_grad()
def hold_near(directions: Tensor, start: Tensor, cosine: float) -> None:
    """Turn rows whose cosine with their start, a unit row, is below `cosine` back to it, keeping their norms."""
    norm = directions.norm(dim=-1, keepdim=True)
    along = torch.linalg.vecdot(directions, start)[..., None]
    across = directions - along * start
    nearest = cosine * start + math.sqrt(1 - cosine**2) * across / across.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    directions.copy_(torch.where(along < cosine * norm, norm * nearest, directions))
