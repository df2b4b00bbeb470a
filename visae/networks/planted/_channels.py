"""The channels that planted detectors read: contours, lines, edges and hues, by analytic filters."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from visae.networks._strided import strided_conv
from visae.networks.planted._features import unit

GRID = 2  # px between values
REACH = 7  # px, half the filters' side
_HUE_REACH = 2  # px, half the side of the square whose mean colour is taken
_ACROSS, _ALONG = 1.5, 3.0  # px, standard deviations of a filter across and along its contour
_CONTRAST = 0.05  # a contour as strong as this (luminance 0..1) reaches a quarter of its channel's maximum
_CONTOURS = tuple(15.0 * i for i in range(12))
_LINES = tuple(22.5 * i for i in range(8))
_EDGES = tuple(45.0 * i for i in range(4))
_HUES = tuple(60 * i for i in range(6))

NAMES = (
    *(f"contour {o:g}" for o in _CONTOURS),
    *(f"line {o:g}" for o in _LINES),
    *(f"edge {o:g}" for o in (*_EDGES, *(o + 180 for o in _EDGES))),
    *(f"hue {o}" for o in _HUES),
)


class Channels(nn.Module):
    """From images to the channels of `NAMES`, none negative, at a stride of `GRID` px, the first at pixel 0.

    contour:  energy of the oriented filters over the strongest orientation's, squared; blind to polarity and phase.
    line:     even (bar-like) response over that ceiling; edge: odd response of one polarity over it. Each loses half
              of the other phase's response, so that a line is no edge.
    hue:      saturation within a sector of 60 degrees of the hue circle.
    """

    bank: Tensor
    axes: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bank", _filters((*_CONTOURS, *_LINES, *_EDGES))[:, None])
        self.register_buffer("axes", torch.tensor([unit(hue) for hue in _HUES], dtype=torch.float32))

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c H W"]:
        """RGB 0..1 to channels."""
        return self.inside(F.pad(images, (REACH,) * 4, mode="replicate"))

    def inside(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c H W"]:
        """Channels of images where nothing of what they read is missing; the first value is `REACH` px inside."""
        luminance = images.mean(1, keepdim=True)
        sizes = [len(_CONTOURS), len(_LINES), len(_EDGES)]
        even, odd = strided_conv(luminance, self.bank, None, GRID, 0).chunk(2, 1)
        even_contour, even_line, even_edge = torch.split(even, sizes, 1)
        odd_contour, odd_line, odd_edge = torch.split(odd, sizes, 1)
        energy = (even_contour.square() + odd_contour.square()).sqrt()
        ceiling = energy.amax(1, keepdim=True) + _CONTRAST
        contours = (energy / ceiling).square()
        lines = (even_line.abs() - odd_line.abs() / 2).relu() / ceiling
        polar = torch.cat([odd_edge, -odd_edge], 1)
        edge = (polar - even_edge.abs().repeat(1, 2, 1, 1) / 2) / ceiling
        # Squared before what is below zero is cut off: a square of nothing has no gradient, redirected or not.
        edges = (edge * edge.abs()).relu()
        return torch.cat([contours, lines, edges, self._hues(images)], 1)

    def _hues(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 6 H W"]:
        border = REACH - _HUE_REACH
        smooth = F.avg_pool2d(images[:, :, border:-border, border:-border], 2 * _HUE_REACH + 1, GRID)
        red, green, blue = smooth.unbind(1)
        warm, yellow = (2 * red - green - blue) / 2, (green - blue) * math.sqrt(3) / 2
        along = torch.einsum("hk,bkyx->bhyx", self.axes, torch.stack([warm, yellow], 1))
        across = torch.einsum("hk,bkyx->bhyx", self.axes, torch.stack([yellow, -warm], 1))
        return (along - math.sqrt(3) * across.abs()).relu()


def _filters(orientations: Sequence[float]) -> Float[Tensor, "f k k"]:
    """Even, then odd filters at the orientations: second and first derivatives of a Gaussian across the contour.

    Without a mean and of unit L1 norm; the odd one is positive where luminance rises along the normal. Computed in
    float64 and rounded once, so that they do not depend on a machine's exp.
    """
    axis = torch.arange(-REACH, REACH + 1, dtype=torch.float64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    even, odd, envelopes = [], [], []
    for nx, ny in map(unit, orientations):
        across, along = (x * nx + y * ny) / _ACROSS, (y * nx - x * ny) / _ALONG
        envelope = torch.exp(-(across.square() + along.square()) / 2)
        even.append((1 - across.square()) * envelope)
        odd.append(across * envelope)
        envelopes.append(envelope)
    bank, window = torch.stack([*even, *odd]), torch.stack(envelopes * 2)
    # The mean is taken out under the envelope: a constant would let a filter see far contours at its window's rim.
    bank = bank - window * (bank.sum((1, 2), keepdim=True) / window.sum((1, 2), keepdim=True))
    return (bank / bank.abs().sum((1, 2), keepdim=True)).float()
