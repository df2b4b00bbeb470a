"""AuxK (Gao et al. 2024, arXiv 2406.04093, appendix A.2): dead features are trained to explain the residual."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from visae.sae._algebra import squared_error
from visae.sae._base import SAE
from visae.sae._topk_select import topk_dense


def dead_features(rows_since_fired: Int[Tensor, "*s m"], after: int) -> list[Int[Tensor, " _"]]:
    """For each member of a stack, the features that did not fire for more than `after` rows of training."""
    return [member.nonzero().flatten() for member in (rows_since_fired > after).view(-1, rows_since_fired.shape[-1])]


def auxk(
    sae: SAE, z: Float[Tensor, "n d"], residual: Float[Tensor, "*s n d"], dead: Sequence[Int[Tensor, " _"]], k: int
) -> Float[Tensor, "*s"]:
    """The share of the residual's square that the k topk_dense dead features of each row leave; 0 where none is dead.

    |e - e_hat|^2 / |e|^2, with e the residual, which is not trained by this term, and e_hat what the dead features'
    decoder rows make of it.
    """
    residual = residual.detach()
    m, d = sae.encoder.shape[-2:]
    encoder, decoder = sae.encoder.reshape(-1, d), sae.decoder.reshape(-1, d)
    shift, residuals = sae.shift.reshape(-1), residual.reshape(-1, *residual.shape[-2:])
    terms = []
    for member, (of_member, left) in enumerate(zip(dead, residuals, strict=True)):
        if not len(of_member):
            terms.append(residual.new_zeros(()))
            continue
        place = of_member + member * m
        most = min(k, len(place))
        f = topk_dense(F.linear(z, encoder[place], shift[place]), torch.full((), most, device=z.device), most)
        size = left.square().sum(-1).mean().clamp_min(1e-12)
        terms.append(squared_error(left, f @ decoder[place]) / size)
    return torch.stack(terms).view(residual.shape[:-2])
