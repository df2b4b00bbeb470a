"""Whether neurons are taken apart into what was truly planted in them."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from visae.metrics._attribution import Attribution
from visae.metrics._matching import match
from visae.metrics._recovery import MATCHED


@dataclass(frozen=True)
class Constituents:
    """Over all neurons together, of the features with at least some share of a neuron's variance.

    precision: part of them that are found planted features which write to that neuron.
    recall:    part of all planted features, of all neurons, that are among them.

    nan where nothing is listed, or nothing planted.
    """

    precision: float
    recall: float


def constituents(
    found: Attribution, directions: Float[Tensor, "m d"], truth: Float[Tensor, "f d"], least: float
) -> Constituents:
    """Compare the features that explain at least a share `least` of each neuron with the planted ones.

    directions: of the features; one is a planted feature if it is its partner, one to one, with a cosine of 0.9.
    truth:      of the planted features, which write to the neurons where it is not zero.
    """
    pairs = zip(*(of.tolist() for of in match(truth, directions)), strict=True)
    partner = {unit: planted for planted, unit, cosine in pairs if cosine >= MATCHED}
    hits = listed = true = 0
    for neuron in range(truth.shape[1]):
        units = found.largest(neuron, least)
        writes = set(truth[:, neuron].nonzero().flatten().tolist())
        hits += sum(partner.get(unit) in writes for unit in units)
        listed, true = listed + len(units), true + len(writes)
    return Constituents(_ratio(hits, listed), _ratio(hits, true))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
