"""The Persian rug itself: a model that is not trained but woven, from rows of a Hadamard matrix and two numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.papers.persian_rug import _data as data
from visae.papers.persian_rug._checks import bottleneck
from visae.papers.persian_rug._hadamard import expect_power_of_two, walsh_hadamard
from visae.papers.persian_rug._readout import Moments, Readout, best_readout
from visae.papers.persian_rug._theory import shifts

_VALUES = 1 << 22  # that are held at once


@dataclass(frozen=True, eq=False)
class Rug:
    """W = R^T R / d, where R [d, n] is some rows of the Hadamard matrix of n rows.

    rows: which, in ascending order, on the device on which the rug works.
    """

    n: int
    rows: Int64[Tensor, " d"]

    @property
    def ratio(self) -> float:
        """d / n."""
        return len(self.rows) / self.n

    def __call__(self, x: Float[Tensor, "*s n"]) -> Float[Tensor, "*s n"]:
        """W x, by two Walsh-Hadamard transforms; W is not formed."""
        spectrum = walsh_hadamard(x)
        kept = torch.zeros_like(spectrum)
        kept[..., self.rows] = spectrum[..., self.rows]
        return walsh_hadamard(kept) / len(self.rows)

    def weights(self) -> Float[Tensor, "n n"]:
        """W."""
        return self(torch.eye(self.n, device=self.rows.device))

    def noise_mean(self, p: float) -> float:
        """E[sum_(j != i) W_ij x_j] at density p, the same for every i: E[x] times the sum of a row without its 1."""
        # All rows of the Hadamard matrix but the first, of ones, sum to zero.
        of_row = 1 / self.ratio if bool((self.rows == 0).any()) else 0.0
        return data.mean(p) * (of_row - 1)


@dataclass(frozen=True)
class Engineered:
    """A rug read out at a density: y = relu(A (W x + m)) with the A and m that are best on one half of the samples.

    ratio:   d / n.
    readout: A, m and their loss there.
    loss:    mean squared error a feature on the other half, for inputs of the mean power, p / 3.
    error:   standard error of `loss`, over samples.
    """

    n: int
    ratio: float
    p: float
    readout: Readout
    loss: float
    error: float


def weave(n: int, ratio: float, seed: int, device: torch.device | str = "cpu") -> Rug:
    """A rug of random rows; raises `VisaeError` for n that is no power of two, or a ratio outside (0, 1)."""
    expect_power_of_two(n)
    rows = torch.randperm(n, generator=generator(seed, "persian rug", "rows", n))[: bottleneck(n, ratio)]
    return Rug(n, rows.sort().values.to(device))


def engineered(rug: Rug, densities: Sequence[float], samples: int, seed: int) -> list[Engineered]:
    """Fit and measure a rug's readout at each density, on `samples` fresh inputs each.

    The paper trains A and m by gradient descent. Here they are solved for: A is known given m (see `best_readout`), and
    after one sorting of the outputs E[y^2] and E[x y] are sums of a beginning of the list, for any m.

    Raises `VisaeError` for p outside (0, 1], or less than three samples.
    """
    if samples < 3:
        raise VisaeError(f"samples is {samples}; the loss and its standard error need 3 or more")
    return [_fitted(rug, p, samples, seed) for p in densities]


def _fitted(rug: Rug, p: float, samples: int, seed: int) -> Engineered:
    source = generator(seed, "persian rug", "inputs", rug.n)
    z, x = _outputs(rug, p, samples, source)
    low, high = shifts(rug.ratio, p)
    offset = rug.noise_mean(p)
    power = x.double().square().mean().item()
    readout = best_readout(_moments(z, x), power, (low - offset, high - offset))
    z, x = _outputs(rug, p, samples, source)
    errors = (readout.gain * (z + readout.shift)).clamp_min(0).sub(x).square().double().mean(1)
    return Engineered(rug.n, rug.ratio, p, readout, *_at_power(data.power(p), errors, x.double().square().mean(1)))


def _outputs(
    rug: Rug, p: float, samples: int, source: torch.Generator
) -> tuple[Float[Tensor, "c n"], Float[Tensor, "c n"]]:
    """W x and x of some samples."""
    x = data.sparse(samples, rug.n, p, source).to(rug.rows.device)
    step = max(_VALUES // rug.n, 1)
    return torch.cat([rug(x[start : start + step]) for start in range(0, samples, step)]), x


def _moments(z: Float[Tensor, "c n"], x: Float[Tensor, "c n"]) -> Moments:
    """E[x relu(z + m)] and E[relu(z + m)^2], of all features and samples together, as functions of m.

    With z in descending order the ReLU passes its first k, and E[x y] and E[y^2] are sums of x, x z, z and z^2 over
    these; the sums up to each k are kept.
    """
    falling, order = z.flatten().sort(descending=True)
    values, inputs = falling.double(), x.flatten()[order].double()
    rising, count = -falling.cpu(), values.numel()
    sums = [term.cumsum(0) for term in (values, values.square(), inputs, inputs * values)]

    def moments(shift: float) -> tuple[float, float]:
        passed = int(torch.searchsorted(rising, shift))
        if not passed:
            return 0.0, 0.0
        z_sum, z_square, x_sum, xz_sum = (float(term[passed - 1]) for term in sums)
        return (xz_sum + shift * x_sum) / count, (z_square + shift * (2 * z_sum + shift * passed)) / count

    return moments


def _at_power(power: float, losses: Float[Tensor, " c"], powers: Float[Tensor, " c"]) -> tuple[float, float]:
    """The loss at the known mean power, on the least-squares line through those of the samples; its standard error.

    A control variate: samples with more in them have a larger loss, and most of what the mean of few samples is off by
    is what their power is off by.
    """
    away = powers - powers.mean()
    slope = (away @ losses) / (away @ away)
    at_power = losses.mean() + slope * (power - powers.mean())
    rest = losses - losses.mean() - slope * away
    count = len(losses)
    return at_power.item(), math.sqrt((rest @ rest).item() / (count - 2) / count)
