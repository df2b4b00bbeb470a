"""Cammarata et al. 2020, "Curve Detectors" (Distill): the tuning of ten neurons of inception5h's mixed3b.

What the figures do not say of the stimulus, the radii in pixels and the width of the stroke, is fitted: one factor and
one width for all neurons. With right weights, preprocessing and geometry nothing else is left to fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.networks import Network, PublishedTuning
from visae.tuning import _statistics as summary
from visae.tuning import sweep
from visae.tuning._axes import angles
from visae.units import neurons

# A published curve is a mean over so many radii, log-spaced over this factor.
RADII, FACTOR = 16, 24.5
WIDTHS = (1.0, 1.5, 2.0, 3.0)  # px, of the stroke
_SHIFTS = 8  # windows of radii tried to either side of the middle one
_SMALLEST = 5.5  # px, where the middle window begins: 0.29 icons of 37 px, halved, doubled, ... by the others
LEAST_CORRELATION, MOST_APART, MOST_ECHO = 0.95, 8.0, 0.06
_SCALES = (0.5, 2.0)
# What a wrong convention does to an orientation of o samples: sample k of the truth is at index(k) of the measured.
# As (sign, share of a circle): index(k) = sign k + share o.
_WRONG = {
    "mirrored left to right": (-1, 1 / 2),
    "flipped upside down": (-1, 0),
    "turned by half a circle": (1, 1 / 2),
    "turned by a quarter": (1, 1 / 4),
    "turned back by a quarter": (1, -1 / 4),
}


@dataclass(frozen=True, eq=False)
class Verification:
    """Measured tuning beside the published one, [n, o] each, after the fit; figures are of each neuron, [n].

    correlation: Pearson's r.  apart: degrees between the circular means.  echo: see `summary.echo`.
    order:       channels by circular mean, from the first.  order_published: the same of the published curves.
    radii:       px, the ends of the fitted range.  width: px, of the fitted stroke.
    scale:       median over neurons of measured over published activation.
    symptoms:    what looks wrong, in words; empty if nothing does.
    """

    channels: tuple[int, ...]
    measured: Float[Tensor, "n o"]
    published: Float[Tensor, "n o"]
    correlation: Float[Tensor, " n"]
    apart: Float[Tensor, " n"]
    echo: Float[Tensor, " n"]
    order: tuple[int, ...]
    order_published: tuple[int, ...]
    radii: tuple[float, float]
    width: float
    scale: float
    symptoms: tuple[str, ...]

    @property
    def passed(self) -> list[bool]:
        """Whether each neuron's tuning is the published one."""
        fine = (self.correlation >= LEAST_CORRELATION) & (self.apart <= MOST_APART) & (self.echo < MOST_ECHO)
        found: list[bool] = fine.tolist()
        return found

    @property
    def verified(self) -> bool:
        """Whether every neuron passes, their order is the published one, and nothing looks wrong."""
        return all(self.passed) and self.order == self.order_published and not self.symptoms


def swept_radii() -> Float[Tensor, " r"]:
    """The radii of the sweep, px: those of all windows."""
    step = FACTOR ** (1 / (RADII - 1))
    exponents = torch.arange(-_SHIFTS, RADII + _SHIFTS, dtype=torch.float64)
    return torch.pow(step, exponents) * _SMALLEST


def verify(network: Network, published: PublishedTuning) -> Verification:
    """Sweep the published neurons of a network with circles, and compare; raises `VisaeError` for a foreign network."""
    units = neurons(network, published.layer)
    if max(published.neurons) >= len(units):
        raise VisaeError(
            f"{published.layer} of {network.name} has {len(units)} channels, and channel {max(published.neurons)} was "
            "published; verify the network that the card is of"
        )
    samples = len(next(iter(published.neurons.values())))
    axes = {
        "width": torch.tensor(WIDTHS),
        "radius": swept_radii().float(),
        "orientation": angles(samples),
    }
    found = sweep([units], "circle", axes)[0]
    return compare(found.values[list(published.neurons)], WIDTHS, axes["radius"], published)


def compare(
    responses: Float[Tensor, "n w r o"], widths: Sequence[float], radii: Float[Tensor, " r"], published: PublishedTuning
) -> Verification:
    """Fit the radii's factor and the stroke's width, and compare with the published curves.

    responses: of the published neurons in their order, at widths, log-spaced radii and evenly spaced orientations.
    """
    channels = tuple(published.neurons)
    truth = torch.tensor([published.neurons[channel] for channel in channels])
    windows = responses.clamp_min(0).unfold(2, RADII, 1).mean(-1)  # [n, w, shifts, o]
    fits = _correlation(windows, truth[:, None, None]).mean(0)
    place = int(fits.argmax())
    width, shift = place // fits.shape[1], place % fits.shape[1]
    measured = windows[:, width, shift]
    mean, _ = summary.resultant(measured)
    mean_published, _ = summary.resultant(truth)
    scale = (measured.amax(1) / truth.amax(1)).median().item()
    return Verification(
        channels,
        measured,
        truth,
        correlation=_correlation(measured, truth),
        apart=summary.apart(mean, mean_published).nan_to_num(nan=180.0),
        echo=summary.echo(measured).nan_to_num(nan=1.0),
        order=_cycle(channels, mean),
        order_published=_cycle(channels, mean_published),
        radii=(radii[shift].item(), radii[shift + RADII - 1].item()),
        width=widths[width],
        scale=scale,
        symptoms=_symptoms(windows, truth, scale, shift in (0, fits.shape[1] - 1)),
    )


def _symptoms(
    windows: Float[Tensor, "n w v o"], truth: Float[Tensor, "n o"], scale: float, at_the_end: bool
) -> tuple[str, ...]:
    samples = truth.shape[1]
    as_it_is = _correlation(windows, truth[:, None, None]).mean(0).max().item()
    turned = {}
    for name, (sign, share) in _WRONG.items():
        index = (sign * torch.arange(samples) + round(share * samples)) % samples
        turned[name] = _correlation(windows[..., index], truth[:, None, None]).mean(0).max().item()
    best = max(turned, key=lambda name: turned[name])
    if as_it_is < LEAST_CORRELATION and turned[best] > as_it_is + 0.2:
        # The fit then means nothing, nor does what could be read from it.
        return (f"the sweep looks {best} (r {turned[best]:.2f} after undoing it, {as_it_is:.2f} as it is)",)
    found = []
    if not _SCALES[0] <= scale <= _SCALES[1]:
        found.append(
            f"activations are {scale:.3g} times the published ones: look at the input's range, which is 0..255 less 117"
        )
    if at_the_end:
        found.append("the best radii are at the end of the range that was tried: stimuli are too large or too small")
    return tuple(found)


def _correlation(one: Float[Tensor, "... o"], other: Float[Tensor, "... o"]) -> Float[Tensor, "..."]:
    """Pearson's r along the last axis; 0 where either does not vary."""
    a, b = (values.double() - values.double().mean(-1, keepdim=True) for values in (one, other))
    size = a.norm(dim=-1) * b.norm(dim=-1)
    return torch.where(size > 0, (a * b).sum(-1) / size.clamp_min(1e-30), 0.0)


def _cycle(channels: Sequence[int], mean: Float[Tensor, " n"]) -> tuple[int, ...]:
    """Channels in the order of their circular means around the circle, from the first channel on."""
    order = [channels[index] for index in mean.argsort().tolist()]
    start = order.index(channels[0])
    return tuple(order[start:] + order[:start])
