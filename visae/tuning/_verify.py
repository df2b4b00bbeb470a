"""Verification against Cammarata et al. 2020, "Curve Detectors" (Distill): ten curve neurons of inception5h's mixed3b.

The paper does not state the radii in pixels and the width of the stroke. They are fitted: one factor and one width for
all neurons. With the right weights, preprocessing and geometry, nothing else is left to fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.networks import Network, PublishedTuning
from visae.tuning._sweep import angles, sweep
from visae.tuning._tuning_statistics import angular_distance, echo, resultant
from visae.units import neurons

# A published curve is a mean over this many radii, log-spaced over this factor.
RADII, FACTOR = 16, 24.5
WIDTHS = (1.0, 1.5, 2.0, 3.0)  # px, of the stroke
_SHIFTS = 8  # windows of radii tried on either side of the middle one
# Smallest radius of the middle window, px: 0.29 icons of 37 px, halved. The factor to the others is fitted.
_SMALLEST = 5.5
MIN_CORRELATION, MAX_DISTANCE, MAX_ECHO = 0.95, 8.0, 0.06
_SCALES = (0.5, 2.0)
# Effects of a wrong convention on o orientation samples: sample k of the truth is at index(k) of the measured. As
# (sign, fraction of a circle): index(k) = sign k + fraction o.
_WRONG_CONVENTIONS = {
    "mirrored left to right": (-1, 1 / 2),
    "flipped upside down": (-1, 0),
    "turned by half a circle": (1, 1 / 2),
    "turned by a quarter": (1, 1 / 4),
    "turned back by a quarter": (1, -1 / 4),
}


@dataclass(frozen=True, eq=False)
class Verification:
    """Measured tuning beside the published, [n, o] each, after the fit; per-neuron statistics are [n].

    correlation:     Pearson's r.
    distance:        degrees between the circular means.
    echo:            largest response opposite the peak, over the peak.
    order:           channels by circular mean, from the first; order_published: the same for the published curves.
    radii:           ends of the fitted range, px.
    width:           fitted width of the stroke, px.
    scale:           median over neurons of the ratio of measured to published activation.
    symptoms:        what looks wrong, in words; empty if nothing does.
    """

    channels: tuple[int, ...]
    measured: Float[Tensor, "n o"]
    published: Float[Tensor, "n o"]
    correlation: Float[Tensor, " n"]
    distance: Float[Tensor, " n"]
    echo: Float[Tensor, " n"]
    order: tuple[int, ...]
    order_published: tuple[int, ...]
    radii: tuple[float, float]
    width: float
    scale: float
    symptoms: tuple[str, ...]

    @property
    def passed(self) -> list[bool]:
        """Whether each neuron's tuning matches the published one."""
        same = (self.correlation >= MIN_CORRELATION) & (self.distance <= MAX_DISTANCE) & (self.echo < MAX_ECHO)
        passed: list[bool] = same.tolist()
        return passed

    @property
    def verified(self) -> bool:
        """Whether every neuron passes, their order matches the published one, and nothing looks wrong."""
        return all(self.passed) and self.order == self.order_published and not self.symptoms


def swept_radii() -> Float[Tensor, " r"]:
    """Return the radii of the sweep in px, across all windows."""
    step = FACTOR ** (1 / (RADII - 1))
    exponents = torch.arange(-_SHIFTS, RADII + _SHIFTS, dtype=torch.float64)
    return torch.pow(step, exponents) * _SMALLEST


def verify(network: Network, published: PublishedTuning) -> Verification:
    """Sweep the published neurons of a network with circles, and compare; raises `VisaeError` if it lacks them."""
    units = neurons(network, published.layer)
    if max(published.neurons) >= len(units):
        raise VisaeError(
            f"{published.layer} of {network.name} has {len(units)} channels, but channel {max(published.neurons)} was "
            "published; verify the network that the card describes"
        )
    samples = len(next(iter(published.neurons.values())))
    axes = {
        "width": torch.tensor(WIDTHS),
        "radius": swept_radii().float(),
        "orientation": angles(samples),
    }
    responses = sweep([units], "circle", axes)[0].values
    return compare(responses[list(published.neurons)], WIDTHS, axes["radius"], published)


def compare(
    responses: Float[Tensor, "n w r o"], widths: Sequence[float], radii: Float[Tensor, " r"], published: PublishedTuning
) -> Verification:
    """Fit the factor of the radii and the width of the stroke, and compare with the published curves.

    responses: of the published neurons in their order, at widths, log-spaced radii and evenly spaced orientations.
    """
    channels = tuple(published.neurons)
    truth = torch.tensor([published.neurons[channel] for channel in channels])
    windows = responses.clamp_min(0).unfold(2, RADII, 1).mean(-1)  # [n, w, shifts, o]
    fits = _correlation(windows, truth[:, None, None]).mean(0)
    width, shift = divmod(int(fits.argmax()), fits.shape[1])
    measured = windows[:, width, shift]
    mean, mean_published = resultant(measured)[0], resultant(truth)[0]
    scale = (measured.amax(1) / truth.amax(1)).median().item()
    return Verification(
        channels,
        measured,
        truth,
        correlation=_correlation(measured, truth),
        distance=angular_distance(mean, mean_published).nan_to_num(nan=180.0),
        echo=echo(measured).nan_to_num(nan=1.0),
        order=_cyclic_order(channels, mean),
        order_published=_cyclic_order(channels, mean_published),
        radii=(radii[shift].item(), radii[shift + RADII - 1].item()),
        width=widths[width],
        scale=scale,
        symptoms=_symptoms(windows, truth, scale, shift in (0, fits.shape[1] - 1)),
    )


def _symptoms(
    windows: Float[Tensor, "n w v o"], truth: Float[Tensor, "n o"], scale: float, at_range_end: bool
) -> tuple[str, ...]:
    samples = truth.shape[1]
    as_measured = _correlation(windows, truth[:, None, None]).mean(0).max().item()
    corrected = {}
    for name, (sign, fraction) in _WRONG_CONVENTIONS.items():
        index = (sign * torch.arange(samples) + round(fraction * samples)) % samples
        corrected[name] = _correlation(windows[..., index], truth[:, None, None]).mean(0).max().item()
    best = max(corrected, key=lambda name: corrected[name])
    if as_measured < MIN_CORRELATION and corrected[best] > as_measured + 0.2:
        # The fit is then meaningless, and so is everything derived from it.
        return (f"the sweep looks {best} (r {corrected[best]:.2f} after undoing it, {as_measured:.2f} as measured)",)
    symptoms = []
    if not _SCALES[0] <= scale <= _SCALES[1]:
        symptoms.append(
            f"activations are {scale:.3g} times the published ones: check the input's range, which is 0..255 minus 117"
        )
    if at_range_end:
        symptoms.append("the best radii are at the end of the range tried: stimuli are too large or too small")
    return tuple(symptoms)


def _correlation(first: Float[Tensor, "... o"], second: Float[Tensor, "... o"]) -> Float[Tensor, "..."]:
    """Return Pearson's r along the last axis; 0 where either is constant."""
    a, b = (values.double() - values.double().mean(-1, keepdim=True) for values in (first, second))
    size = a.norm(dim=-1) * b.norm(dim=-1)
    return torch.where(size > 0, (a * b).sum(-1) / size.clamp_min(1e-30), 0.0)


def _cyclic_order(channels: Sequence[int], mean: Float[Tensor, " n"]) -> tuple[int, ...]:
    """Return the channels in the order of their circular means around the circle, from the first channel on."""
    order = [channels[index] for index in mean.argsort().tolist()]
    start = order.index(channels[0])
    return tuple(order[start:] + order[:start])
