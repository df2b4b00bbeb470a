"""The battery: sweeps of curves, lines, edges and corners, which tell families of units apart, and of colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from visae.networks import Layer
from visae.tuning._responses import OrientationTuning, Responses, orientation_tuning
from visae.tuning._sweep import angles, default_radii, read_view, sweep
from visae.tuning._views import views, widest
from visae.tuning.stimuli import hue_to_rgb
from visae.tuning.stimuli._kinds import STROKE_WIDTHS
from visae.units import Units

# Degrees: corners, without the lines that are slightly bent.
_OPENINGS = (30.0, 60.0, 90.0, 120.0)
_HUES, _COLOUR_ORIENTATIONS = 12, 24
# Radii of spots in receptive fields; the last fills the image with one colour.
_SPOT_RADII = (0.02, 0.05, 0.1, 0.2, 0.4, 10.0)


@dataclass(frozen=True, eq=False)
class Battery:
    """Responses of one population of units to circles, lines, edges, angles and double curves, by name."""

    responses: dict[str, Responses]

    def __len__(self) -> int:
        return len(self.responses["circle"])

    @cached_property
    def tuning(self) -> dict[str, OrientationTuning]:
        """The orientation tuning to each stimulus, by its name."""
        return {name: orientation_tuning(responses) for name, responses in self.responses.items()}


def battery(populations: Sequence[Units], orientations: int = 72, radii: int = 16, batch: int = 64) -> list[Battery]:
    """Sweep populations of units of one network; radii are scaled to the layer with the largest receptive field."""
    axes = battery_axes(widest(populations), orientations, radii)
    swept = {kind: sweep(populations, kind, values, batch=batch) for kind, values in axes.items()}
    return [Battery({kind: swept[kind][index] for kind in axes}) for index in range(len(populations))]


def battery_axes(layer: Layer, orientations: int, radii: int) -> dict[str, dict[str, Float[Tensor, " _"]]]:
    """Return the parameters that each sweep of the battery varies, and their values."""
    circle, line = angles(orientations), angles(orientations, 180.0)
    radius = default_radii(layer, radii)
    return {
        "circle": {"radius": radius, "orientation": circle},
        "line": {"width": torch.tensor(STROKE_WIDTHS), "orientation": line},
        "edge": {"orientation": circle},
        "angle": {"opening": torch.tensor(_OPENINGS), "orientation": circle},
        "double_curve": {"radius": radius, "orientation": line},
    }


def colour_peaks(populations: Sequence[Units], batch: int = 64) -> list[Float[Tensor, " u"]]:
    """Return the largest response of each unit to edges between opposite hues and to spots of one hue on grey.

    Hues are 30 degrees apart; a hue and the grey around it have the same mean of red, green and blue. Spots are centred
    on the receptive field; their radii are 0.02 to 0.4 of the largest layer's receptive field, and one that exceeds it.
    """
    axes = {"hue": angles(_HUES), "orientation": angles(_COLOUR_ORIENTATIONS)}
    edges = [responses.peak() for responses in sweep(populations, "colour_edge", axes, batch=batch)]
    return [torch.maximum(edge, spot) for edge, spot in zip(edges, _spot_peaks(populations), strict=True)]


def spot_images(
    hues: Float[Tensor, " n"], radii: Float[Tensor, " n"], size: int, centre: float
) -> Float[Tensor, "n 3 s s"]:
    """Draw discs of a hue (degrees) on grey, RGB, 0..1, with rims a pixel wide."""
    offset = torch.arange(size) - centre
    distance = (offset[:, None].square() + offset.square()).sqrt()
    inside = (radii[:, None, None] - distance + 0.5).clamp(0, 1)[:, None]
    return 0.5 + 0.5 * inside * hue_to_rgb(hues[:, None, None])


@torch.inference_mode()
def _spot_peaks(populations: Sequence[Units]) -> list[Float[Tensor, " u"]]:
    receptive_field = widest(populations).receptive_field
    hues, radii = torch.meshgrid(angles(_HUES), torch.tensor(_SPOT_RADII) * receptive_field, indexing="ij")
    peaks: dict[int, Tensor] = {}
    for view in views(populations):
        images = spot_images(hues.flatten(), radii.flatten(), view.size, view.centre).to(populations[0].network.device)
        peaks |= {index: values.amax(0) for index, values in read_view(populations, view, images).items()}
    return [peaks[index] for index in range(len(populations))]
