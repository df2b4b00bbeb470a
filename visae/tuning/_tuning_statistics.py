"""Statistics of orientation tuning curves: preferred orientation, selectivity, width, echo, harmonics, gaps.

A tuning curve is a unit's response at `o` orientations, evenly spaced over one period from 0. The period is 360 degrees
for curves and edges, 180 for lines. Definitions follow Cammarata et al. 2020 ("Curve Detectors") and its data.

Orientation is estimated in two ways. `preferred_orientation`, the mean of the peak's lobe, is used wherever units are
compared: families, coverage, gaps, joint tuning, the atlas. `resultant` gives the circular mean of the whole curve, the
published measure: it is used beside published numbers (`verify`, `TuningSummary`) and in `Curves`, so that reports of
`visae run` can be compared with earlier ones. On features of an SAE the lobe's mean is closer to the truth, because
interference adds weak responses far from the peak. (`peak_orientation` is the largest sample itself, for tables.)
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

_ECHO_FROM, _ECHO_TO = 150.0, 210.0  # degrees from the peak
HARMONICS = 6


def resultant(tuning: Float[Tensor, "u o"], period: float = 360.0) -> tuple[Float[Tensor, " u"], Float[Tensor, " u"]]:
    """Return the circular mean in degrees, 0..period, and the selectivity: the resultant length, 0..1.

    z = sum_k t_k exp(2 pi i theta_k / period) / sum_k t_k; the mean is period arg(z) / 2 pi, the selectivity |z|, the
    circular variance 1 - |z|. For a unit that never responds, the mean is nan and the selectivity 0.
    """
    angle = torch.deg2rad(_sample_angles(tuning))
    total = tuning.double().sum(1)
    z = torch.complex(tuning.double() @ torch.cos(angle), tuning.double() @ torch.sin(angle)) / total
    silent = total == 0
    # Twice, because the float32 nearest to an angle just below 360 is 360.
    mean = torch.rad2deg(z.angle()).remainder(360).float().remainder(360) * (period / 360)
    return mean.masked_fill(silent, torch.nan), z.abs().masked_fill(silent, 0.0).float()


def preferred_orientation(tuning: Float[Tensor, "u o"], period: float = 360.0) -> Float[Tensor, " u"]:
    """Return the circular mean of the peak's lobe, the samples around it above half its height, in degrees.

    This locates the peak between samples. Responses elsewhere, such as a lobe at the opposite orientation or
    interference from other features, do not move it. nan for a unit that never responds.
    """
    return resultant(torch.where(_lobe(tuning), tuning, 0.0), period)[0]


def peak_orientation(tuning: Float[Tensor, "u o"], period: float = 360.0) -> Float[Tensor, " u"]:
    """Return the orientation of the largest sample, in degrees; nan for a unit that never responds."""
    largest, index = tuning.max(1)
    step = period / tuning.shape[1]
    return (index * step).masked_fill(largest <= 0, torch.nan)


def echo(tuning: Float[Tensor, "u o"]) -> Float[Tensor, " u"]:
    """Return the largest response 150 to 210 degrees from the peak, over the peak; nan for a unit that never responds.

    For stimuli with a period of 360 degrees.
    """
    largest, index = tuning.max(1)
    distance = (_sample_angles(tuning)[None, :] - _sample_angles(tuning)[index][:, None]).remainder(360)
    opposite = (distance >= _ECHO_FROM) & (distance <= _ECHO_TO)
    return torch.where(opposite, tuning, 0.0).amax(1) / torch.where(largest > 0, largest, torch.nan)


def tuning_width(tuning: Float[Tensor, "u o"], period: float = 360.0) -> Float[Tensor, " u"]:
    """Return the full width at half maximum of the peak, in degrees, interpolated between samples.

    The period for a curve that never falls to half its peak; nan for a unit that never responds.
    """
    return torch.tensor([_half_width(curve) for curve in tuning.double().cpu()]) * (period / 360)


def harmonic_fractions(tuning: Float[Tensor, "u o"], harmonics: int = HARMONICS) -> Float[Tensor, "u k"]:
    """Return the fractions of a tuning curve's variance in harmonics 1 .. `harmonics`; nan for a flat curve.

    |F_k|^2 / sum over j > 0 of |F_j|^2, with F the discrete Fourier transform, and positive and negative frequencies
    counted together. A single cosine lies entirely in the first harmonic; an echo raises the even ones.
    """
    count = tuning.shape[1]
    power = torch.fft.rfft(tuning.double(), dim=1).abs().square()[:, 1:]
    # The highest frequency of an even number of samples has no negative counterpart.
    power[:, : (count - 1) // 2] *= 2
    total = power.sum(1, keepdim=True)
    scale = tuning.double().square().sum(1, keepdim=True) * count
    flat = total <= 1e-12 * scale
    return torch.where(flat, torch.nan, power[:, :harmonics] / total).float()


def michelson_contrast(first: Float[Tensor, " u"], second: Float[Tensor, " u"]) -> Float[Tensor, " u"]:
    """Return how much more a unit responds to the first than to the second: (a - b) / (a + b), -1..1.

    Negative responses count as 0; nan where both are 0.
    """
    a, b = first.clamp_min(0), second.clamp_min(0)
    return (a - b) / torch.where(a + b > 0, a + b, torch.nan)


def edge_polarity(tuning: Float[Tensor, "u o"]) -> Float[Tensor, " u"]:
    """Return the Michelson contrast between the largest response to an edge and the response to the reversed edge.

    1 for a unit that responds to one polarity only, 0 for one that responds to both alike. Needs an even number of
    orientations over 360 degrees.
    """
    largest, index = tuning.max(1)
    reversed_ = tuning.roll(-(tuning.shape[1] // 2), 1).gather(1, index[:, None])[:, 0]
    return michelson_contrast(largest, reversed_)


def preferred_radius(by_radius: Float[Tensor, "u r"], radii: Float[Tensor, " r"]) -> Float[Tensor, " u"]:
    """Return the geometric mean of the radii weighted by the responses, in px; nan for a unit that never responds.

    Logarithms are averaged because radii are log-spaced.
    """
    weight = by_radius.clamp_min(0)
    total = weight.sum(1)
    return ((weight @ radii.to(weight).log()) / torch.where(total > 0, total, torch.nan)).exp()


def angular_distance(
    first: Float[Tensor, "*#n"], second: Float[Tensor, "*#n"] | float, period: float = 360.0
) -> Float[Tensor, "*n"]:
    """Return the distance between two orientations on the circle, 0 .. period / 2, in degrees."""
    return ((first - second + period / 2).remainder(period) - period / 2).abs()


def largest_gap(orientations: Float[Tensor, " u"], period: float = 360.0) -> float:
    """Return the largest gap between neighbouring orientations on the circle, in degrees; nan is ignored.

    The period for fewer than two orientations.
    """
    known = orientations[~orientations.isnan()]
    if len(known) < 2:
        return period
    ordered = known.double().remainder(period).sort().values
    return torch.diff(ordered, append=ordered[:1] + period).max().item()


def _sample_angles(tuning: Float[Tensor, "u o"]) -> Float[Tensor, " o"]:
    """Return the angles of the samples when one period is mapped to the full circle, in degrees."""
    count = tuning.shape[1]
    return torch.arange(count, dtype=torch.float64, device=tuning.device) * (360 / count)


def _lobe(tuning: Float[Tensor, "u o"]) -> Bool[Tensor, "u o"]:
    """Mark the unbroken run of samples around the largest that are at least half of it."""
    count, peak = tuning.shape[1], tuning.argmax(1, keepdim=True)
    around = (peak + torch.arange(count, device=tuning.device)) % count
    low = tuning.gather(1, around) < tuning.amax(1, keepdim=True) / 2
    # Forwards and backwards from the peak, until the first sample that is too low.
    forwards = low.cumsum(1) == 0
    backwards = (low[:, 1:].flip(1).cumsum(1) == 0).flip(1)
    inside = forwards | torch.cat([forwards[:, :1], backwards], 1)
    return torch.zeros_like(inside).scatter(1, around, inside)


def _half_width(curve: Float[Tensor, " o"]) -> float:
    """Return the full width at half maximum of a curve over 360 degrees."""
    step, half = 360 / len(curve), curve.max().item() / 2
    if half <= 0:
        return torch.nan
    around = curve.roll(-int(curve.argmax())).tolist()
    if min(around) > half:
        return 360.0
    return step * (_steps_to_level(around, half) + _steps_to_level([around[0], *around[:0:-1]], half))


def _steps_to_level(curve: list[float], level: float) -> float:
    """Return the number of steps, interpolated, after which a curve first falls to a level."""
    first = next(index for index, value in enumerate(curve) if value <= level)
    above, below = curve[first - 1], curve[first]
    return first - 1 + (above - level) / (above - below)
