"""How well an SAE describes rows, and with how much."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from visae.sae import SAE


@dataclass(frozen=True)
class Fidelity:
    """Figures of an SAE over a set of rows.

    explained_variance: 1 - sum |x - x_hat|^2 / sum |x - mean x|^2: 0 for the mean, 1 for perfection; nan for rows
                        that do not vary. Raw activations, sums over all rows in float64.
    l0:                 mean number of features that fire on a row.
    dead_fraction:      share of features that fire on none of the rows.
    """

    explained_variance: float
    l0: float
    dead_fraction: float


@torch.inference_mode()
def fidelity(sae: SAE, batches: Iterable[Float[Tensor, "_ d"]]) -> Fidelity:
    """An SAE's fidelity over all the rows of the batches."""
    device = sae.decoder.device
    rows = 0
    error = squares = torch.zeros((), dtype=torch.float64)
    total = torch.zeros(sae.dim, dtype=torch.float64)
    fired = torch.zeros(sae.width, dtype=torch.int64)
    origin: Tensor | None = None
    for x in batches:
        f = sae.encode(x.to(device))
        x_hat = sae.decode(f).cpu().double()
        exact = x.cpu().double()
        # The variance does not depend on the origin. Seen from one of the rows, rows that are all alike have none
        # exactly, and rows far from zero lose no digits.
        origin = exact[:1] if origin is None else origin
        rows += len(x)
        error = error + (exact - x_hat).square().sum()
        squares = squares + (exact - origin).square().sum()
        total += (exact - origin).sum(0)
        fired += (f > 0).sum(0).cpu()
    about_mean = squares - total.square().sum() / max(rows, 1)
    explained = 1 - error / about_mean if about_mean > 0 else torch.tensor(torch.nan)
    return Fidelity(explained.item(), fired.sum().item() / max(rows, 1), (fired == 0).double().mean().item())
