"""Description length: the bits that a row costs at a given error, which compares dictionaries of any L0 and width."""

import math
from dataclasses import dataclass
from itertools import product

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from visae._support.errors import VisaeError
from visae.metrics._matching import unit_rows
from visae.sae import SAE

DISTORTION = 0.05
"""The share of the rows' variance that a description may leave out, by default."""

# Steps of quantisation that are tried, in roots of the permitted error: from one that spends it on the noise of 200
# values a row to one that leaves only the strongest, half an octave apart. And below how many steps a value is dropped:
# plain rounding drops those below half a step; a finer step that drops more describes sparse values in fewer bits.
_STEPS = tuple(2 ** (power / 2) for power in range(4, -5, -1))
_DEAD_ZONES = (0.5, 1.0)


@dataclass(frozen=True)
class DescriptionLength:
    """Bits that describe a row up to a mean squared error of D.

    bits:          support_bits + value_bits + residual_bits.
    support_bits:  which features fire: sum over features of the binary entropy of their densities.
    value_bits:    their quantised values: the entropy of each feature's values where it fires.
    residual_bits: what the quantised code leaves over, up to an error of D: a Gaussian code of its covariance.
    gaussian_bits: a Gaussian code of the rows' own covariance, and no features; `bits` is never more.
    l0:            mean number of values a row that are not zero once quantised; 0 if no features are cheapest.
    step:          the step of quantisation in raw activations; infinite if no features are cheapest.
    """

    bits: float
    support_bits: float
    value_bits: float
    residual_bits: float
    gaussian_bits: float
    l0: float
    step: float


@torch.inference_mode()
def description_length(sae: SAE, x: Float[Tensor, "n d"], distortion: float = DISTORTION) -> DescriptionLength:
    """Count the bits a row that a dictionary's code, and a code for its residual, take at a given error.

    A value is quantised uniformly, q_i = round(f_i |d_i| / step), so that a step is the same length in raw activations
    for every feature, and dropped below half a step, or below a step. With e = x - decode(q_i step / |d_i|), and an
    error of D = distortion * sum Var(x),

        bits = sum_i H(q_i) + R(Cov(e), D),    H(q_i) = h(p_i) + p_i H(q_i | q_i != 0)

    where p_i is the share of rows with q_i != 0, h the binary entropy, and R the rate of `gaussian_bits`. The step is
    the one that takes the fewest bits: 9 are tried with either rule, and no features at all. A code with small values
    to spare is thus cut down to what the error asks for; one that explains less than 1 - distortion pays for the rest.
    No other source of a covariance needs more than a Gaussian one, so the bits are an upper bound of what is needed.

    Entropies are those of the given rows plus (cells - 1) / 2n nats a feature, for having been estimated on n rows
    (Miller 1955): without that a wide dictionary would look the better the fewer rows there are. The decoder, m d
    numbers for however many rows, is not counted. Description length as the measure of an SAE is of Ayonrinde et al.
    2024 (arXiv 2410.11179), there at the SAE's own error, with no code for the residual.

    The distortion sets the scale of L0, since the less error is allowed, the more values are worth their bits: compare
    at one distortion, against `neurons_description_length`. The default, 5 %, is the error of good dictionaries, and
    leaves the neurons themselves less than half of those that fire (measured: `mixed3b_5x5` 4 of 9.4).

    Raises `VisaeError` for a distortion that is not between 0 and 1, and for fewer than two rows.
    """
    f, directions = sae.encode(x).cpu(), sae.directions.cpu().double()
    rows, features = f.nonzero(as_tuple=True)
    values = f[rows, features].double() * directions.norm(dim=1)[features]
    return _shortest(_Entries(rows, features, values, unit_rows(directions)), x.cpu().double(), distortion)


@torch.inference_mode()
def neurons_description_length(x: Float[Tensor, "n d"], distortion: float = DISTORTION) -> DescriptionLength:
    """Count the bits a row that the neurons themselves take, each a feature: the yardstick of `description_length`."""
    exact = x.cpu().double()
    rows, neurons = exact.nonzero(as_tuple=True)
    entries = _Entries(rows, neurons, exact[rows, neurons], torch.eye(x.shape[1], dtype=torch.float64))
    return _shortest(entries, exact, distortion)


@dataclass(frozen=True, eq=False)
class _Entries:
    """The values of a code that are not zero, in the order of rows, in lengths of raw activations.

    rows, features, values: [w];  directions: [m, d], of unit length.
    """

    rows: Int64[Tensor, " w"]
    features: Int64[Tensor, " w"]
    values: Float64[Tensor, " w"]
    directions: Float64[Tensor, "m d"]

    def quantised(self, step: float, zone: float) -> "_Entries":
        """Round values to whole steps, and drop those that round to none or are below `zone` steps."""
        q = torch.round(self.values / step)
        kept = (q != 0) & (self.values.abs() >= zone * step)
        return _Entries(self.rows[kept], self.features[kept], q[kept], self.directions)

    def decode(self, n: int) -> Float64[Tensor, "n d"]:
        """Sum values times directions over each row, without the offset, of which no covariance depends."""
        starts = torch.searchsorted(self.rows, torch.arange(n))
        return F.embedding_bag(self.features, self.directions, starts, per_sample_weights=self.values, mode="sum")


def _shortest(entries: _Entries, x: Float64[Tensor, "n d"], distortion: float) -> DescriptionLength:
    """Describe rows by a code, quantised by each of the steps, or without it."""
    if not 0 < distortion < 1:
        raise VisaeError(f"the distortion is {distortion:g}; give a share of the variance between 0 and 1")
    if len(x) < 2:
        raise VisaeError(f"description length needs 2 rows or more, and was given {len(x)}")
    error = distortion * x.var(0, correction=0).sum().item()
    without = gaussian_bits(_covariance(x), error)
    shortest = DescriptionLength(without, 0.0, 0.0, without, without, 0.0, math.inf)
    for step, zone in product((factor * math.sqrt(error) for factor in _STEPS if error), _DEAD_ZONES):
        q = entries.quantised(step, zone)
        support, inside = _code_bits(q.features, q.values.long(), len(x), len(q.directions))
        if support + inside < shortest.bits:
            residual = gaussian_bits(_covariance(x - q.decode(len(x)) * step), error)
            bits, l0 = support + inside + residual, len(q.values) / len(x)
            described = DescriptionLength(bits, support, inside, residual, without, l0, step)
            shortest = min(shortest, described, key=lambda description: description.bits)
    return shortest


def gaussian_bits(covariance: Float64[Tensor, "d d"], error: float) -> float:
    """Rate in bits of a Gaussian source at a total squared error (Cover and Thomas 2006, theorem 10.3.3).

    Reverse water-filling over the eigenvalues v of the covariance: sum of 1/2 log2(v / w) over those above the water
    level w, at which sum min(v, w) is the error; 0 if all of the variance is no more than the error.
    """
    variances = torch.linalg.eigvalsh(covariance).clamp_min(0).sort().values
    if variances.sum() <= error:
        return 0.0
    # With the j smallest under water, the others share what is left of the error; the level is the first that fits.
    drowned = variances.cumsum(0) - variances
    levels = (error - drowned) / torch.arange(len(variances), 0, -1)
    level = levels[(levels <= variances).nonzero()[0]]
    bits: float = 0.5 * (variances.clamp_min(level) / level).log2().sum().item()
    return bits


def _covariance(rows: Float64[Tensor, "n d"]) -> Float64[Tensor, "d d"]:
    away = rows - rows.mean(0)
    return away.T @ away / len(rows)


def _code_bits(features: Int64[Tensor, " w"], q: Int64[Tensor, " w"], n: int, m: int) -> tuple[float, float]:
    """Bits a row of which of m features fire, sum h(p_i), and of their values, the rest of H(q_i), over n rows.

    features, q: the entries that are not zero.
    """
    cells, counts = _count_cells(features, q)
    firing = torch.zeros(m, dtype=torch.int64).index_add(0, cells, counts)
    fires, silent = _plogp(firing, n).sum(), _plogp(n - firing, n).sum()
    # A cell is estimated for each value that occurs, and for silence where that does; one of them is not free.
    values = len(counts) - int((firing > 0).sum())
    sometimes = int(((firing > 0) & (firing < n)).sum())
    per_cell = 1 / (2 * n * math.log(2))
    return (fires + silent).item() + sometimes * per_cell, (_plogp(counts, n).sum() - fires).item() + values * per_cell


def _count_cells(
    features: Int64[Tensor, " w"], values: Int64[Tensor, " w"]
) -> tuple[Int64[Tensor, " c"], Int64[Tensor, " c"]]:
    """Count pairs of a feature and a value; return the pairs' features, and how often each occurs."""
    if not len(values):
        return features, values
    lowest, span = values.min(), values.max() - values.min() + 1
    keys, counts = torch.unique(features * span + values - lowest, return_counts=True)
    return keys // span, counts


def _plogp(counts: Int64[Tensor, " c"], n: int) -> Float64[Tensor, " c"]:
    """-p log2 p for p = counts / n, and 0 for none."""
    nats: Tensor = torch.special.entr(counts.double() / n)
    return nats / math.log(2)
