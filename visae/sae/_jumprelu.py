"""JumpReLU SAE (Rajamanoharan et al. 2024, arXiv 2407.14435): a threshold for each feature, and a true L0 penalty."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae._algebra import random_directions, squared_error
from visae.sae._base import SAE, Losses, UnitNormSAE
from visae.sae._config import LineStyle, TrainedConfig
from visae.sae._registry import register_kind

# How much faster the logarithm of a silent feature's threshold falls than its bias rises: thresholds are several units
# high, and nothing else lowers one that is never reached.
_THRESHOLD_RATE = 5.0
# Weight of the squared relative distance from the target, in units of E|z|^2 = d. Measured on mixed3b_5x5 with target
# 4: L0 5.3 with 0.05, 4.26 with 0.5, 3.99 with 5.
_TARGET_WEIGHT = 5.0


class JumpReLUSAE(UnitNormSAE):
    """f = pre * 1[pre > threshold], pre = encoder (z - bias) + encoder_bias, threshold = exp(log_threshold).

    loss = |z - f decoder - bias|^2 + l0 * L0, or + 5 d (L0 / target - 1)^2 if there is a target: to miss it by a tenth
    costs as much as a twentieth of the variance. Unit-norm decoder rows. The thresholds are trained by the paper's
    pseudo-derivatives with the rectangle kernel (section 3).
    """

    # Adam moves a logarithm at most by the learning rate a step, and thresholds have far to go.
    rate_factors: ClassVar[Mapping[str, float]] = {"log_threshold": 3.0}
    l0: Tensor
    target: Tensor
    log_threshold: Tensor

    @classmethod
    def create(cls, config: Any, dim: int, generator: torch.Generator) -> SAE:
        """Return a fresh SAE with equal thresholds."""
        thresholds = torch.full((config.width,), math.log(config.threshold))
        start = cls.tied_start(random_directions(config.width, dim, generator))
        return cls(config, dim, **start, log_threshold=thresholds)

    @torch.no_grad()
    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """Move the bias to the silent point, from which features only need to add."""
        self.bias.copy_(self.silent_point.to(z))

    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "*s n m"]:
        """Return the pre-activations above their thresholds; zero elsewhere."""
        return self._jump(self.preactivate(z))

    def losses(self, z: Float[Tensor, "n d"]) -> Losses:
        """`error`, and `sparsity`: the mean number of features that fire, or its distance from the target, weighted."""
        pre = self.preactivate(z)
        f = self._jump(pre)
        threshold = self.log_threshold.exp()[..., None, :]
        l0: Tensor = _Step.apply(pre, threshold, self.config.bandwidth).sum(-1).mean(-1)
        off_target = (l0 / torch.where(self.target > 0, self.target, 1) - 1).square()
        penalty = torch.where(self.target > 0, _TARGET_WEIGHT * self.dim * off_target, self.l0 * l0)
        terms = {"error": squared_error(z, self.reconstruct(f)), "sparsity": penalty}
        return Losses(terms, (f.detach() > 0).any(-2))

    def _jump(self, pre: Float[Tensor, "*s n m"]) -> Float[Tensor, "*s n m"]:
        threshold = self.log_threshold.exp()[..., None, :]
        jumped: Tensor = _Jump.apply(pre, threshold, self.config.bandwidth)
        return jumped

    @torch.no_grad()
    def revive(self, after: int, by: float) -> None:
        """Raise the bias of silent features, and lower their thresholds."""
        super().revive(after, by)
        self.log_threshold -= _THRESHOLD_RATE * by * (self.rows_since_fired > after)


@register_kind
@dataclass(frozen=True)
class JumpReLU(TrainedConfig):
    """Settings of a JumpReLU SAE.

    width:      features, m.
    l0:         weight of the L0 penalty, on rows scaled so that E|z|^2 = d; without effect if there is a target.
    target:     the L0 to reach, on average over rows; 0 for a penalty of l0 * L0.
    bandwidth:  width of the kernel that replaces the step's derivative; the paper's 0.001 is for rows scaled so that
                E|z|^2 = 1, and for batches many times larger.
    threshold:  initial thresholds: high, so that each feature starts with few rows and does not settle on a sum of
                several (measured: from 1 they do).
    """

    kind: ClassVar[str] = "jumprelu"
    sae: ClassVar[Any] = JumpReLUSAE
    varied: ClassVar[tuple[str, ...]] = ("l0", "target")
    summary: ClassVar[str] = "one threshold per feature, a true L0 penalty or target"
    source: ClassVar[str] = "arXiv 2407.14435"
    style: ClassVar[LineStyle] = LineStyle("#009E73", "v")
    l0: float = 0.5
    target: float = 0.0
    bandwidth: float = 2.0
    threshold: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 1 or not 0 <= self.l0 < math.inf or not 0 <= self.target < math.inf:
            raise VisaeError(
                f"width is {self.width}, l0 {self.l0:g} and target {self.target:g}; they must be at least 1, 0 and 0"
            )
        if not 0 < self.bandwidth < math.inf or not 0 < self.threshold < math.inf:
            raise VisaeError(f"bandwidth is {self.bandwidth:g} and threshold {self.threshold:g}; they must be above 0")


class _Jump(torch.autograd.Function):
    """pre * H(pre - threshold), with -threshold / bandwidth * K((pre - threshold) / bandwidth) for the threshold."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
        ctx.save_for_backward(pre, threshold)
        ctx.bandwidth = bandwidth
        return torch.where(pre > threshold, pre, 0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        pre, threshold = ctx.saved_tensors
        near = (pre - threshold).abs() < ctx.bandwidth / 2
        threshold_gradient = -threshold / ctx.bandwidth * (gradient * near).sum(-2, keepdim=True)
        return torch.where(pre > threshold, gradient, 0), threshold_gradient, None


class _Step(torch.autograd.Function):
    """H(pre - threshold), with -1 / bandwidth * K((pre - threshold) / bandwidth), for the threshold alone."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
        ctx.save_for_backward(pre, threshold)
        ctx.bandwidth = bandwidth
        return (pre > threshold).to(threshold.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        pre, threshold = ctx.saved_tensors
        near = (pre - threshold).abs() < ctx.bandwidth / 2
        return None, -(gradient * near).sum(-2, keepdim=True) / ctx.bandwidth, None
