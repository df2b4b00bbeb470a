"""What an orientation tuning curve says: where it peaks, how sharply, and whether it echoes.

A tuning curve is a unit's response at `o` orientations, evenly spaced over 360 degrees and beginning at 0. Definitions
follow Cammarata et al. 2020 ("Curve Detectors") and its published data.
"""

import torch
from jaxtyping import Float
from torch import Tensor

_ECHO_FROM, _ECHO_TO = 150.0, 210.0  # degrees from the peak


def resultant(tuning: Float[Tensor, "u o"]) -> tuple[Float[Tensor, " u"], Float[Tensor, " u"]]:
    """The circular mean in degrees, 0..360, and the resultant length, 0..1.

    z = sum_k t_k exp(i theta_k) / sum_k t_k; the mean is arg z, the length |z| = 1 - circular variance. A unit that
    never responds has mean nan and length 0.
    """
    angle = torch.deg2rad(_degrees(tuning))
    total = tuning.double().sum(1)
    z = torch.complex(tuning.double() @ torch.cos(angle), tuning.double() @ torch.sin(angle)) / total
    silent = total == 0
    # Twice, because the nearest float32 to an angle just below 360 is 360.
    mean = torch.rad2deg(z.angle()).remainder(360).float().remainder(360)
    return mean.masked_fill(silent, torch.nan), z.abs().masked_fill(silent, 0.0).float()


def echo(tuning: Float[Tensor, "u o"]) -> Float[Tensor, " u"]:
    """The largest response 150 to 210 degrees from the peak, over the peak; nan for a unit that never responds."""
    peak, place = tuning.max(1)
    apart = (_degrees(tuning)[None, :] - _degrees(tuning)[place][:, None]).remainder(360)
    opposite = (apart >= _ECHO_FROM) & (apart <= _ECHO_TO)
    return torch.where(opposite, tuning, 0.0).amax(1) / torch.where(peak > 0, peak, torch.nan)


def width(tuning: Float[Tensor, "u o"]) -> Float[Tensor, " u"]:
    """Full width at half maximum of the peak, in degrees, interpolated between orientations.

    360 for a curve that nowhere falls to half its peak; nan for a unit that never responds.
    """
    return torch.tensor([_width(curve) for curve in tuning.double().cpu()])


def largest_gap(preferred: Float[Tensor, " u"]) -> float:
    """The largest gap between neighbours on the circle of preferred orientations, degrees; 360 for fewer than two."""
    if len(preferred) < 2:
        return 360.0
    order = preferred.double().remainder(360).sort().values
    return torch.diff(order, append=order[:1] + 360).max().item()


def _degrees(tuning: Float[Tensor, "u o"]) -> Float[Tensor, " o"]:
    count = tuning.shape[1]
    return torch.arange(count, dtype=torch.float64, device=tuning.device) * (360 / count)


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
