"""The channels that planted detectors sample: contours, lines, edges and hues, by analytic filters."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from visae.networks._operations import strided_conv
from visae.networks.planted._features import unit_vector

CHANNEL_STRIDE = 2  # px between values
FILTER_RADIUS = 7  # px, half the filters' side
_HUE_RADIUS = 2  # px, half the side of the square over which colour is averaged
_ACROSS, _ALONG = 1.5, 3.0  # px, standard deviations of a filter across and along its contour
_CONTRAST = 0.05  # a contour of this strength (luminance 0..1) reaches a quarter of its channel's maximum
_CONTOURS = tuple(15.0 * i for i in range(12))
_LINES = tuple(22.5 * i for i in range(8))
_EDGES = tuple(45.0 * i for i in range(4))
_HUES = tuple(60 * i for i in range(6))

CHANNEL_NAMES = (
    *(f"contour {o:g}" for o in _CONTOURS),
    *(f"line {o:g}" for o in _LINES),
    *(f"edge {o:g}" for o in (*_EDGES, *(o + 180 for o in _EDGES))),
    *(f"hue {o}" for o in _HUES),
)


class FilterBank(nn.Module):
    """Computes the non-negative channels of `CHANNEL_NAMES` from images, every `CHANNEL_STRIDE` px from pixel 0 on.

    contour:  energy of the oriented filters over the strongest orientation's, squared; blind to polarity and phase.
    line:     even (bar-like) response over the strongest energy, minus half the odd response.
    edge:     odd response of one polarity over the strongest energy, minus half the even response, squared.
    hue:      saturation within a sector of 60 degrees of the hue circle.
    """

    bank: Tensor
    axes: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bank", _filters((*_CONTOURS, *_LINES, *_EDGES))[:, None])
        self.register_buffer("axes", torch.tensor([unit_vector(hue) for hue in _HUES], dtype=torch.float32))

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c H W"]:
        """Return the channels of RGB images, 0..1, with replicated borders."""
        return self.valid(F.pad(images, (FILTER_RADIUS,) * 4, mode="replicate"))

    def valid(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c H W"]:
        """Return the channels where the filters fit into the image; the first value is at pixel `FILTER_RADIUS`."""
        luminance = images.mean(1, keepdim=True)
        sizes = [len(_CONTOURS), len(_LINES), len(_EDGES)]
        even, odd = strided_conv(luminance, self.bank, None, CHANNEL_STRIDE, 0).chunk(2, 1)
        even_contour, even_line, even_edge = torch.split(even, sizes, 1)
        odd_contour, odd_line, odd_edge = torch.split(odd, sizes, 1)
        energy = (even_contour.square() + odd_contour.square()).sqrt()
        ceiling = energy.amax(1, keepdim=True) + _CONTRAST
        contours = (energy / ceiling).square()
        lines = (even_line.abs() - odd_line.abs() / 2).relu() / ceiling
        polar = torch.cat([odd_edge, -odd_edge], 1)
        edge = (polar - even_edge.abs().repeat(1, 2, 1, 1) / 2) / ceiling
        # Squared before the ReLU: the square of zero has no gradient, even where ReLUs pass gradients when inactive.
        edges = (edge * edge.abs()).relu()
        return torch.cat([contours, lines, edges, self._hues(images)], 1)

    def _hues(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 6 H W"]:
        border = FILTER_RADIUS - _HUE_RADIUS
        smooth = F.avg_pool2d(images[:, :, border:-border, border:-border], 2 * _HUE_RADIUS + 1, CHANNEL_STRIDE)
        red, green, blue = smooth.unbind(1)
        warm, yellow = (2 * red - green - blue) / 2, (green - blue) * math.sqrt(3) / 2
        along = torch.einsum("hk,bkyx->bhyx", self.axes, torch.stack([warm, yellow], 1))
        across = torch.einsum("hk,bkyx->bhyx", self.axes, torch.stack([yellow, -warm], 1))
        return (along - math.sqrt(3) * across.abs()).relu()


def _filters(orientations: Sequence[float]) -> Float[Tensor, "f k k"]:
    """Return even, then odd filters: second and first derivatives of a Gaussian across the contour.

    They have zero mean and unit L1 norm; odd filters are positive where luminance rises along the normal. Computed in
    float64 and rounded once, so that they do not depend on the machine's exp.
    """
    axis = torch.arange(-FILTER_RADIUS, FILTER_RADIUS + 1, dtype=torch.float64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    even, odd, envelopes = [], [], []
    for nx, ny in map(unit_vector, orientations):
        across, along = (x * nx + y * ny) / _ACROSS, (y * nx - x * ny) / _ALONG
        envelope = torch.exp(-(across.square() + along.square()) / 2)
        even.append((1 - across.square()) * envelope)
        odd.append(across * envelope)
        envelopes.append(envelope)
    bank, window = torch.stack([*even, *odd]), torch.stack(envelopes * 2)
    # The mean is removed under the envelope: a constant would respond to distant contours at the rim of the window.
    bank = bank - window * (bank.sum((1, 2), keepdim=True) / window.sum((1, 2), keepdim=True))
    return (bank / bank.abs().sum((1, 2), keepdim=True)).float()
