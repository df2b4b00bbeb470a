"""Features that help: how much the error rises where a feature is taken away, alone or with the code made anew."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae import SAE
from visae.sae._base import EncoderSAE, GramSAE

# Low enough that no pre-activation reaches zero, and far from overflow.
_SILENT_BIAS = -1e30


@dataclass(frozen=True, eq=False)
class Helping:
    """How much the squared error rises without each feature, summed over rows.

    rise: [m], in squared raw activations; negative where the feature makes the error larger, 0 where it never fires.
    """

    rise: Float64[Tensor, " m"]

    @property
    def helps(self) -> Bool[Tensor, " m"]:
        """Which features help: those without which the error is larger."""
        return self.rise > 0

    @property
    def fraction(self) -> float:
        """Fraction of all m features that help, from 0 to 1."""
        return self.helps.double().mean().item()


@torch.inference_mode()
def helping(sae: SAE, batches: Iterable[Float[Tensor, "_ d"]]) -> Helping:
    """Measure what every feature does for the reconstruction, in one pass over batches of rows; sums in float64.

    With r = x - x_hat, taking f_i d_i out of x_hat changes the squared error by sum f_i^2 |d_i|^2 + 2 f_i d_i . r: what
    decoding without the feature gives, the rest of the code unchanged.

    What it does not measure: whether the feature is a good one. A code that is the least squares fit on its support has
    d_i . r = 0, so every feature that fires helps, even a random direction; `marginal_help` is stricter.
    """
    sums = HelpSums(sae)
    for x in batches:
        f = sae.encode(x)
        sums.add(f.cpu().double(), x.cpu().double() - sae.decode(f).cpu().double())
    return sums.helping()


class HelpSums:
    """Sums over rows that give what every feature of an SAE does for the reconstruction."""

    def __init__(self, sae: SAE):
        self.directions = sae.directions.cpu().double()
        self.squares = torch.zeros(sae.width, dtype=torch.float64)
        self.products = torch.zeros_like(self.directions)

    def add(self, f: Float64[Tensor, "n m"], residual: Float64[Tensor, "n d"]) -> None:
        """Add rows, by their features and what these leave of them."""
        self.squares += f.square().sum(0)
        self.products += f.T @ residual

    def helping(self) -> Helping:
        """By how much the error rises without each feature."""
        lengths = self.directions.square().sum(1)
        return Helping(self.squares * lengths + 2 * (self.products * self.directions).sum(1))


@torch.inference_mode()
def marginal_help(
    sae: SAE, x: Float[Tensor, "n d"], encode_without: Callable[[Tensor, int], Tensor] | None = None
) -> Helping:
    """Measure what no other feature can stand in for: the rise in error once the rest has encoded the rows anew.

    Only the rows on which a feature fires are encoded again, n L0 of them over all features: give a sample of rows. A
    feature that fires on none of these has a rise of 0. A rise is negative where the encoder does better without it.

    What it does not measure: whether the feature is a bad one. The more directions a dictionary has, the nearer is a
    substitute, and the less any of them is missed. An encoder with a threshold for every feature has no substitutes, so
    that both rises are the same.

    encode_without: maps rows [p, d] and a feature to features [p, m] in which it is 0. If None, the dictionary's own
                    encoder with the feature silenced: its rows of encoder and decoder are zeros, so that neither an
                    encoder nor a pursuit selects it, and the next feature takes its turn.
    """
    if encode_without is None:
        encode_without = partial(_encode_silenced, deepcopy(sae))
    f = sae.encode(x)
    error = _squared_errors(sae, x, f)
    rise = torch.zeros(sae.width, dtype=torch.float64)
    for feature in (f != 0).any(0).nonzero().flatten().tolist():
        rows = (f[:, feature] != 0).nonzero().flatten().cpu()
        without = _squared_errors(sae, x[rows], encode_without(x[rows], feature))
        rise[feature] = (without - error[rows]).sum()
    return Helping(rise)


def _squared_errors(sae: SAE, x: Float[Tensor, "n d"], f: Float[Tensor, "n m"]) -> Float64[Tensor, " n"]:
    return (x.cpu().double() - sae.decode(f).cpu().double()).square().sum(1)


def _encode_silenced(sae: SAE, x: Float[Tensor, "n d"], feature: int) -> Float[Tensor, "n m"]:
    with _silenced(sae, feature):
        f = sae.encode(x)
    if f[:, feature].any():
        raise VisaeError(
            f"feature {feature} of kind {sae.config.kind} still fires with its parameters at zero; "
            "give encode_without, which encodes rows without a feature"
        )
    return f


@contextmanager
def _silenced(sae: SAE, feature: int) -> Iterator[None]:
    """Set a feature's own parameters to zero, and the bias of an encoder so low that it never fires."""
    own = {name: tensor for name, tensor in sae.named_parameters() if name != "bias" and len(tensor.shape) > 0}
    rows = {name: tensor.data for name, tensor in own.items() if len(tensor) == sae.width}
    before = {name: tensor[feature].clone() for name, tensor in rows.items()}
    for tensor in rows.values():
        tensor[feature] = 0
    if isinstance(sae, EncoderSAE):
        rows["encoder_bias"][feature] = _SILENT_BIAS
    with _without_cosines(sae, feature) if isinstance(sae, GramSAE) else _forgotten(sae):
        yield
    for name, tensor in rows.items():
        tensor[feature] = before[name]


@contextmanager
def _forgotten(sae: SAE) -> Iterator[None]:
    """Drop what is derived from the parameters, which change now, and again afterwards."""
    sae.forget()
    yield
    sae.forget()


@contextmanager
def _without_cosines(sae: GramSAE, feature: int) -> Iterator[None]:
    """Set a feature's cosines to zero, instead of computing those of all again."""
    gram = sae.gram
    cosines = gram[feature].clone()
    gram[feature] = 0
    gram[:, feature] = 0
    yield
    gram[feature] = cosines
    gram[:, feature] = cosines
