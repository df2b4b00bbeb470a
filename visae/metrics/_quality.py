"""Everything that one encoding of the rows tells of a dictionary: its fidelity, and what its features do."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from visae.metrics._fidelity import Fidelity, FidelitySums, Firing
from visae.metrics._helping import Helping, HelpSums
from visae.metrics._neurons import NeuronsCurve
from visae.sae import SAE


@dataclass(frozen=True, eq=False)
class Quality:
    """`fidelity`, `firing` and `helping` of a dictionary over the same rows."""

    fidelity: Fidelity
    firing: Firing
    helping: Helping


@torch.inference_mode()
def quality(sae: SAE, batches: Iterable[Float[Tensor, "_ d"]]) -> Quality:
    """Measure all three in one pass over batches of rows, which are encoded once."""
    fidelity, helping = FidelitySums(sae), HelpSums(sae)
    for batch in batches:
        f = sae.encode(batch)
        x, x_hat = batch.cpu().double(), sae.decode(f).cpu().double()
        fidelity.add(x, x_hat, f != 0)
        helping.add(f.cpu().double(), x - x_hat)
    return Quality(fidelity.fidelity(), fidelity.firing(), helping.helping())


def summary(sae: SAE, batches: Iterable[Float[Tensor, "_ d"]], neurons: NeuronsCurve) -> dict[str, float]:
    """Return what a dictionary's file says of it: its fidelity, how many features help, and what the neurons explain.

    neurons: those of the same rows; what they explain is at the dictionary's L0 on average.
    """
    measured = quality(sae, batches)
    return {
        **asdict(measured.fidelity),
        "helping_fraction": measured.helping.fraction,
        "neurons_explained_variance": neurons.on_average(measured.fidelity.l0),
    }
