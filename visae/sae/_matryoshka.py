"""Matryoshka SAE (Bussmann et al. 2025, arXiv 2503.17547): nested dictionaries, each of which must do alone."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae._algebra import random_directions, squared_error, untied
from visae.sae._base import SAE
from visae.sae._batchtopk import BatchTopK, BatchTopKSAE


@dataclass(frozen=True)
class Matryoshka(BatchTopK):
    """The recipe of a Matryoshka SAE: the settings of BatchTopK, and

    levels:  nested prefixes, each half as wide as the next; the paper's 5 are 1/16, 1/8, 1/4, 1/2 and all.
    """

    kind: ClassVar[str] = "matryoshka"
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

    def build(self, dim: int, generator: torch.Generator) -> SAE:
        """A fresh SAE over rows of `dim`."""
        start = random_directions(self.width, dim, generator)
        return MatryoshkaSAE(self, dim, decoder=start, **untied(start))


class MatryoshkaSAE(BatchTopKSAE):
    """A BatchTopK SAE whose loss sums the errors of the reconstructions by the first m1 < m2 < ... < m features.

    loss = sum over sizes s of |z - f[:s] decoder[:s] - bias|^2 / d + aux_weight * AuxK
    """

    # The last half of the features is trained by one of the errors only: it falls silent more easily.
    revive_rate: ClassVar[float] = 2.0

    def losses(self, z: Float[Tensor, "n d"]) -> dict[str, Float[Tensor, "*s"]]:
        """`nested`, the errors of all prefixes but the whole, `error`, of the whole, and `aux` (see `auxk`)."""
        code = self.code(z)
        self.count_rows_since_fired(code.fired(), len(z))
        prefixes = [*(code.below(size) for size in self.config.sizes[:-1]), code]
        guesses = [prefix.decode(self.decoder) + self.bias[..., None, :] for prefix in prefixes]
        errors = [squared_error(z, guess) / self.dim for guess in guesses]
        nested: Tensor = sum(errors[:-1], torch.zeros_like(errors[-1]))
        terms = {"nested": nested, "error": errors[-1]}
        if self.config.aux_k:
            terms["aux"] = self.aux(z, guesses[-1])
        return terms
