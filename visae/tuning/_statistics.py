"""What an orientation tuning curve says: where it peaks, how sharply, whether it echoes, and its harmonics.

A tuning curve is a unit's response at `o` orientations, evenly spaced over one period and beginning at 0. The period is
360 degrees for curves and edges, 180 for lines. Definitions follow Cammarata et al. 2020 ("Curve Detectors") and its
published data.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

_ECHO_FROM, _ECHO_TO = 150.0, 210.0  # degrees from the peak
HARMONICS = 6


def resultant(tuning: Float[Tensor, "u o"], period: float = 360.0) -> tuple[Float[Tensor, " u"], Float[Tensor, " u"]]:
    """The circular mean in degrees, 0..period, and the selectivity, which is the resultant length, 0..1.

    z = sum_k t_k exp(2 pi i theta_k / period) / sum_k t_k; the mean is arg z, as a share of the period, the selectivity
    |z|, the circular variance 1 - |z|. A unit that never responds has mean nan and selectivity 0.
    """
    angle = torch.deg2rad(_degrees(tuning))
    total = tuning.double().sum(1)
    z = torch.complex(tuning.double() @ torch.cos(angle), tuning.double() @ torch.sin(angle)) / total
    silent = total == 0
    # Twice, because the nearest float32 to an angle just below 360 is 360.
    mean = torch.rad2deg(z.angle()).remainder(360).float().remainder(360) * (period / 360)
    return mean.masked_fill(silent, torch.nan), z.abs().masked_fill(silent, 0.0).float()


def preferred(tuning: Float[Tensor, "u o"], period: float = 360.0) -> Float[Tensor, " u"]:
    """The circular mean of the lobe around the peak, as far as the tuning is at least half of it, in degrees.

    It is where the peak is, between samples: what a unit answers elsewhere, a lobe at the opposite orientation or what
    others' interference leaves, does not move it. nan for a unit that never responds.
    """
    return resultant(torch.where(_lobe(tuning), tuning, 0.0), period)[0]


def peak(tuning: Float[Tensor, "u o"], period: float = 360.0) -> Float[Tensor, " u"]:
    """The orientation of the largest response, in degrees; nan for a unit that never responds."""
    largest, place = tuning.max(1)
    step = period / tuning.shape[1]
    return (place * step).masked_fill(largest <= 0, torch.nan)


def echo(tuning: Float[Tensor, "u o"]) -> Float[Tensor, " u"]:
    """The largest response 150 to 210 degrees from the peak, over the peak; nan for a unit that never responds.

    For stimuli with a period of 360 degrees.
    """
    largest, place = tuning.max(1)
    apart = (_degrees(tuning)[None, :] - _degrees(tuning)[place][:, None]).remainder(360)
    opposite = (apart >= _ECHO_FROM) & (apart <= _ECHO_TO)
    return torch.where(opposite, tuning, 0.0).amax(1) / torch.where(largest > 0, largest, torch.nan)


def width(tuning: Float[Tensor, "u o"], period: float = 360.0) -> Float[Tensor, " u"]:
    """Full width at half maximum of the peak, in degrees, interpolated between orientations.

    The period for a curve that nowhere falls to half its peak; nan for a unit that never responds.
    """
    return torch.tensor([_width(curve) for curve in tuning.double().cpu()]) * (period / 360)


def fourier_shares(tuning: Float[Tensor, "u o"], harmonics: int = HARMONICS) -> Float[Tensor, "u k"]:
    """Attribution of the tuning's variance over orientation in harmonics 1 .. `harmonics`; nan for a flat tuning.

    |F_k|^2 / sum over j > 0 of |F_j|^2, with F the discrete Fourier transform and j both of positive and of negative
    frequency. A single cosine has everything in the first; an echo shows in the even ones.
    """
    count = tuning.shape[1]
    power = torch.fft.rfft(tuning.double(), dim=1).abs().square()[:, 1:]
    # The highest frequency of an even number of samples has no twin of negative frequency.
    power[:, : (count - 1) // 2] *= 2
    total = power.sum(1, keepdim=True)
    scale = tuning.double().square().sum(1, keepdim=True) * count
    flat = total <= 1e-12 * scale
    return torch.where(flat, torch.nan, power[:, :harmonics] / total).float()


def contrast(one: Float[Tensor, " u"], other: Float[Tensor, " u"]) -> Float[Tensor, " u"]:
    """How much more a unit responds to one thing than to another: (a - b) / (a + b), -1..1.

    Responses below zero count as none; nan where both are.
    """
    a, b = one.clamp_min(0), other.clamp_min(0)
    return (a - b) / torch.where(a + b > 0, a + b, torch.nan)


def polarity(tuning: Float[Tensor, "u o"]) -> Float[Tensor, " u"]:
    """Edge polarity: `contrast` of the largest response with that to the same edge reversed, 180 degrees on.

    1 for a unit that sees the edge one way round only, 0 for one to which both ways are the same. Needs an even number
    of orientations over 360 degrees.
    """
    largest, place = tuning.max(1)
    reversed_ = tuning.roll(-(tuning.shape[1] // 2), 1).gather(1, place[:, None])[:, 0]
    return contrast(largest, reversed_)


def preferred_radius(by_radius: Float[Tensor, "u r"], radii: Float[Tensor, " r"]) -> Float[Tensor, " u"]:
    """Geometric mean of the radii, weighted by the response to each, in px; nan for a unit that never responds.

    Radii are log-spaced: their logarithms are what is averaged.
    """
    weight = by_radius.clamp_min(0)
    total = weight.sum(1)
    return ((weight @ radii.to(weight).log()) / torch.where(total > 0, total, torch.nan)).exp()


def apart(one: Float[Tensor, "*n"], other: Float[Tensor, "*n"] | float, period: float = 360.0) -> Float[Tensor, "*n"]:
    """How far two orientations are from each other, 0 .. period / 2, in degrees."""
    return ((one - other + period / 2).remainder(period) - period / 2).abs()


def largest_gap(preferred: Float[Tensor, " u"], period: float = 360.0) -> float:
    """The largest gap between neighbours on the circle of preferred orientations, in degrees.

    The period for fewer than two. Units without a preferred orientation (nan) do not count.
    """
    known = preferred[~preferred.isnan()]
    if len(known) < 2:
        return period
    order = known.double().remainder(period).sort().values
    return torch.diff(order, append=order[:1] + period).max().item()


def _degrees(tuning: Float[Tensor, "u o"]) -> Float[Tensor, " o"]:
    """Where the samples stand on the circle, of which a period is the whole."""
    count = tuning.shape[1]
    return torch.arange(count, dtype=torch.float64, device=tuning.device) * (360 / count)


def _lobe(tuning: Float[Tensor, "u o"]) -> Bool[Tensor, "u o"]:
    """The samples around the largest that are at least half of it without a break."""
    count, place = tuning.shape[1], tuning.argmax(1, keepdim=True)
    around = (place + torch.arange(count, device=tuning.device)) % count
    low = tuning.gather(1, around) < tuning.amax(1, keepdim=True) / 2
    # Forwards from the peak, and backwards from it, until the first that is too low.
    onwards = low.cumsum(1) == 0
    back = (low[:, 1:].flip(1).cumsum(1) == 0).flip(1)
    inside = onwards | torch.cat([onwards[:, :1], back], 1)
    return torch.zeros_like(inside).scatter(1, around, inside)


def _width(curve: Float[Tensor, " o"]) -> float:
    step, half = 360 / len(curve), curve.max().item() / 2
    if half <= 0:
        return torch.nan
    around = curve.roll(-int(curve.argmax())).tolist()
    if min(around) > half:
        return 360.0
    return step * (_falls_below(around, half) + _falls_below([around[0], *around[:0:-1]], half))


def _falls_below(curve: list[float], level: float) -> float:
    """How many steps from its beginning a curve first reaches a level from above, interpolated."""
    first = next(index for index, value in enumerate(curve) if value <= level)
    above, below = curve[first - 1], curve[first]
    return first - 1 + (above - level) / (above - below)
