"""MOD, the method of optimal directions (Engan, Aase & Husoy 1999): pursuit and least squares in turns."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae.sae._config import LineStyle
from visae.sae._dictionary_learning import DictionaryLearning, DictionaryLearningSAE
from visae.sae._registry import register_kind

# A round takes this share of the rows seen so far, and at least so many a feature: early rounds need not be exact,
# since the codes still change.
_ROUND_SHARE = 0.1
_ROWS_PER_FEATURE = 10
# Relative to the mean of the diagonal, for features that always fire together.
_RIDGE = 1e-5


class MODSAE(DictionaryLearningSAE):
    """A round codes rows by the current directions and replaces these by the least squares solution for the codes.

    decoder = normalise((sum f^T f)^-1 sum f^T x), the sums over a round's rows. Features that a round did not use are
    pointed at badly explained rows. Rounds grow with the rows seen.

    rows_in_round: rows of the current round so far.
    """

    training_only: ClassVar[tuple[str, ...]] = (*DictionaryLearningSAE.training_only, "rows_in_round")

    rows_in_round: Tensor

    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """Take the first directions, and start the first round."""
        super().initialise(z)
        self.register_buffer("rows_in_round", torch.zeros((), dtype=torch.int64))

    def update(self, z: Float[Tensor, "n d"], residual: Float[Tensor, "n d"]) -> bool:
        """Solve for the directions at the end of a round."""
        self.rows_in_round += len(z)
        if int(self.rows_in_round) < max(_ROUND_SHARE * int(self.rows_seen), _ROWS_PER_FEATURE * self.width):
            return False
        solved = _least_squares(self.moments, self.products)
        norms = solved.norm(dim=1, keepdim=True)
        is_used = (self.moments.diagonal() > 0)[:, None] & (norms > 0) & norms.isfinite()
        self.decoder.copy_(torch.where(is_used, solved / norms, self.decoder))
        self.replace(~is_used[:, 0], z, residual)
        for sums in (self.moments, self.products, self.rows_in_round):
            sums.zero_()
        return True


def _least_squares(moments: Float[Tensor, "m m"], products: Float[Tensor, "m d"]) -> Float[Tensor, "m d"]:
    """Solve moments decoder = products, in float64."""
    exact = moments.double()
    ridge = _RIDGE * exact.diagonal().mean().clamp_min(1e-30)
    solved: Tensor = torch.linalg.solve(exact + ridge * torch.eye(len(exact)).to(exact), products.double())
    return solved.to(products)


@register_kind
@dataclass(frozen=True)
class MOD(DictionaryLearning):
    """Settings of a dictionary learned by alternating pursuit and least squares."""

    kind: ClassVar[str] = "mod"
    sae: ClassVar[Any] = MODSAE
    summary: ClassVar[str] = "pursuit and least squares in turns, no encoder"
    source: ClassVar[str] = "Engan et al. 1999"
    style: ClassVar[LineStyle] = LineStyle("#B2182B", "h")
