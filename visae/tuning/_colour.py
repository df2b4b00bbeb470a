"""How strongly units answer to colour alone: to edges between opposite hues of one lightness, and to spots of a hue."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from visae.tuning._axes import angles
from visae.tuning._sweep import read_view, sweep
from visae.tuning._views import views, widest
from visae.tuning.stimuli._canvas import tint
from visae.units import Units

_HUES, _ORIENTATIONS = 12, 24
# Radii of spots in receptive fields; the last is a field of one colour.
_RADII = (0.02, 0.05, 0.1, 0.2, 0.4, 10.0)


def colour_peaks(populations: Sequence[Units], batch: int = 64) -> list[Float[Tensor, " u"]]:
    """The largest response of each unit of some populations of one network to any edge or spot of colour alone.

    Hues are 30 degrees apart; a hue and the grey around it have the same mean of red, green and blue. Spots lie in the
    middle of what a position sees; their radii are 0.02 to 0.4 receptive fields of the layer that sees most, and more
    than all of it.
    """
    axes = {"hue": angles(_HUES), "orientation": angles(_ORIENTATIONS)}
    edges = [found.peak() for found in sweep(populations, "colour_edge", axes, batch=batch)]
    spots = _of_spots(populations)
    return [torch.maximum(edge, spot) for edge, spot in zip(edges, spots, strict=True)]


def spots(hues: Float[Tensor, " n"], radii: Float[Tensor, " n"], size: int, centre: float) -> Float[Tensor, "n 3 s s"]:
    """Discs of a hue (degrees) on grey, RGB, 0..1, with soft rims of a px."""
    place = torch.arange(size) - centre
    away = (place[:, None].square() + place.square()).sqrt()
    inside = (radii[:, None, None] - away + 0.5).clamp(0, 1)[:, None]
    return 0.5 + 0.5 * inside * tint(hues[:, None, None])


@torch.inference_mode()
def _of_spots(populations: Sequence[Units]) -> list[Float[Tensor, " u"]]:
    sees = widest(populations).receptive_field
    hues, radii = torch.meshgrid(angles(_HUES), torch.tensor(_RADII) * sees, indexing="ij")
    found: dict[int, Tensor] = {}
    for view in views(populations):
        images = spots(hues.flatten(), radii.flatten(), view.size, view.centre).to(populations[0].network.device)
        found |= {index: of.amax(0) for index, of in read_view(populations, view, images).items()}
    return [found[index] for index in range(len(populations))]
