"""The Persian rug itself: a model built, not trained, from rows of a Hadamard matrix and two scalars."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.papers.persian_rug._model import Device, bottleneck, sample_inputs
from visae.papers.persian_rug._theory import Moments, Readout, best_readout, input_moment, shift_range

_VALUES = 1 << 22  # values transformed at a time


@dataclass(frozen=True, eq=False)
class Rug:
    """W = R^T R / d, where R [d, n] holds some rows of the Hadamard matrix of n rows.

    rows: the rows' indices in ascending order, on the device on which the rug computes.
    """

    n: int
    rows: Int64[Tensor, " d"]

    @property
    def ratio(self) -> float:
        """d / n."""
        return len(self.rows) / self.n

    def __call__(self, x: Float[Tensor, "*s n"]) -> Float[Tensor, "*s n"]:
        """Return W x by two Walsh-Hadamard transforms, without forming W."""
        spectrum = walsh_hadamard(x)
        kept = torch.zeros_like(spectrum)
        kept[..., self.rows] = spectrum[..., self.rows]
        return walsh_hadamard(kept) / len(self.rows)

    def weights(self) -> Float[Tensor, "n n"]:
        """W."""
        return self(torch.eye(self.n, device=self.rows.device))

    def noise_mean(self, p: float) -> float:
        """E[sum_(j != i) W_ij x_j] at density p, the same for every i: E[x] times the off-diagonal sum of a row."""
        # All rows of the Hadamard matrix sum to zero, except the first, which is all ones.
        row_sum = 1 / self.ratio if bool((self.rows == 0).any()) else 0.0
        return input_moment(p, 1) * (row_sum - 1)


@dataclass(frozen=True)
class EngineeredFit:
    """A rug at one density: y = relu(A (W x + m)) with the A and m that are optimal on one half of the samples.

    readout: A, m and their loss on that half.
    loss:    mean squared error per feature on the other half, for inputs of the expected power, p / 3.
    error:   standard error of `loss` over samples.
    """

    readout: Readout
    loss: float
    error: float


def build_rug(n: int, ratio: float, seed: int, device: Device = "cpu") -> Rug:
    """Build a rug of random rows; raises `VisaeError` unless n is a power of two and the ratio in (0, 1)."""
    expect_power_of_two(n)
    rows = torch.randperm(n, generator=generator(seed, "persian rug", "rows", n))[: bottleneck(n, ratio)]
    return Rug(n, rows.sort().values.to(device))


def fit_readout(rug: Rug, p: float, samples: int, seed: int) -> EngineeredFit:
    """Fit a rug's readout at density p on `samples` inputs, and measure its loss on equally many others.

    The paper trains A and m by gradient descent. Here they are solved for: A is known given m (see `best_readout`), and
    once the outputs are sorted, E[y^2] and E[x y] are sums over a prefix of the list for any m.

    Raises `VisaeError` for p outside (0, 1] or fewer than three samples.
    """
    if samples < 3:
        raise VisaeError(f"samples is {samples}; the loss and its standard error need 3 or more")
    source = generator(seed, "persian rug", "inputs", rug.n)
    z, x = _outputs(rug, p, samples, source)
    low, high = shift_range(rug.ratio, p)
    offset = rug.noise_mean(p)
    power = x.double().square().mean().item()
    readout = best_readout(sample_moments(z, x), power, (low - offset, high - offset))
    z, x = _outputs(rug, p, samples, source)
    losses = (readout.gain * (z + readout.shift)).clamp_min(0).sub(x).square().double().mean(1)
    return EngineeredFit(readout, *loss_at_power(input_moment(p, 2), losses, x.double().square().mean(1)))


def sample_moments(z: Float[Tensor, "c n"], x: Float[Tensor, "c n"]) -> Moments:
    """Return E[x relu(z + m)] and E[relu(z + m)^2] over all features and samples as functions of m.

    With z in descending order the ReLU passes the first k, and E[x y] and E[y^2] follow from sums of x, x z, z and z^2
    over these; the cumulative sums are kept.
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


def loss_at_power(power: float, losses: Float[Tensor, " c"], powers: Float[Tensor, " c"]) -> tuple[float, float]:
    """Return the loss at the expected power, by regression of sample losses on sample powers; and its standard error.

    A control variate: most of the error of a mean over few samples comes from the error in their power.
    """
    away = powers - powers.mean()
    slope = (away @ losses) / (away @ away)
    at_power = losses.mean() + slope * (power - powers.mean())
    rest = losses - losses.mean() - slope * away
    count = len(losses)
    return at_power.item(), math.sqrt((rest @ rest).item() / (count - 2) / count)


def walsh_hadamard(x: Float[Tensor, "*s n"]) -> Float[Tensor, "*s n"]:
    """Return H x along the last axis, in n log2 n additions.

    H is Sylvester's matrix, H_1 = [1], H_2n = [[H_n, H_n], [H_n, -H_n]]; it is symmetric, and H H = n I.
    Raises `VisaeError` unless n is a power of two.
    """
    n = x.shape[-1]
    expect_power_of_two(n)
    half = 1
    while half < n:
        pairs = x.reshape(*x.shape[:-1], n // (2 * half), 2, half)
        first, second = pairs.unbind(-2)
        x = torch.stack((first + second, first - second), -2).flatten(-3)
        half *= 2
    return x


def expect_power_of_two(n: int) -> None:
    """Raise `VisaeError` unless n is 1, 2, 4, 8, ..."""
    if n < 1 or n & (n - 1):
        lower = 1 << (max(n, 1).bit_length() - 1)
        raise VisaeError(f"no Hadamard matrix of {n} rows is available; use a power of two, {lower} or {2 * lower}")


def _outputs(
    rug: Rug, p: float, samples: int, source: torch.Generator
) -> tuple[Float[Tensor, "c n"], Float[Tensor, "c n"]]:
    """W x and x of random inputs."""
    x = sample_inputs(samples, rug.n, p, source).to(rug.rows.device)
    return torch.cat([rug(part) for part in torch.split(x, max(_VALUES // rug.n, 1))]), x
