"""Matryoshka SAE (Bussmann et al. 2025, arXiv 2503.17547): nested dictionaries, each of which reconstructs alone."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae._algebra import squared_error
from visae.sae._base import Losses
from visae.sae._batchtopk import BatchTopK, BatchTopKSAE
from visae.sae._config import LineStyle
from visae.sae._registry import register_kind


class MatryoshkaSAE(BatchTopKSAE):
    """A BatchTopK SAE whose loss sums the errors of the reconstructions from the first m1 < m2 < ... < m features.

    loss = sum over sizes s of |z - f[:s] decoder[:s] - bias|^2 / d + aux_weight * AuxK
    """

    # Only one of the errors trains the last half of the features, which therefore fall silent more easily.
    revive_rate: ClassVar[float] = 2.0

    def losses(self, z: Float[Tensor, "n d"]) -> Losses:
        """`nested`, the errors of all proper prefixes; `error`, the whole SAE's; and `aux` (see `auxk`)."""
        code = self.code(z)
        prefixes = [*(code.prefix(size) for size in self.config.sizes[:-1]), code]
        reconstructions = [prefix.decode(self.decoder) + self.bias[..., None, :] for prefix in prefixes]
        errors = [squared_error(z, reconstruction) / self.dim for reconstruction in reconstructions]
        nested: Tensor = sum(errors[:-1], torch.zeros_like(errors[-1]))
        terms = {"nested": nested, "error": errors[-1]}
        if self.config.aux_k:
            terms["aux"] = self.aux(z, reconstructions[-1])
        return Losses(terms, code.fired())


@register_kind
@dataclass(frozen=True)
class Matryoshka(BatchTopK):
    """Settings of a Matryoshka SAE: those of BatchTopK, and

    levels:  nested prefixes, each half as wide as the next; the paper's 5 are 1/16, 1/8, 1/4, 1/2 and all.
    """

    kind: ClassVar[str] = "matryoshka"
    sae: ClassVar[Any] = MatryoshkaSAE
    summary: ClassVar[str] = "nested dictionaries, each of which reconstructs alone"
    source: ClassVar[str] = "arXiv 2503.17547"
    style: ClassVar[LineStyle] = LineStyle("#CC79A7", "P")
    levels: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.levels <= self.width.bit_length():
            raise VisaeError(
                f"levels is {self.levels}, the width {self.width}; it must be from 1 to {self.width.bit_length()}, "
                "so that the smallest prefix has a feature"
            )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Widths of the prefixes, the smallest first."""
        return tuple(self.width >> level for level in reversed(range(self.levels)))
