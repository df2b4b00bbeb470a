"""MACO: pictures with the magnitude spectrum of photographs, in which only phases are free (Fel et al. 2023, arXiv
2306.06805).

With natural magnitudes at every frequency, high frequencies cannot take over and large pictures do not turn into noise.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from visae._support import files
from visae._support.cache import cache_folder
from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae.featurevis.parameterisations._parameterisations import DECORRELATED, ColourSpace
from visae.images import Images, Unreadable, batches, to_float

SCHEMA = 1
_BATCH = 32  # images
_DIGESTS = 16  # images whose content identifies a source


@dataclass(frozen=True, eq=False)
class Maco:
    """picture = sigmoid(mix @ irfft2(magnitude * exp(i z))).

    magnitude:  [3, s, s // 2 + 1], along the axes of colour; see `natural_magnitude`.
    """

    rate: ClassVar[float] = 0.2
    magnitude: Float[Tensor, "3 s f"]
    colours: ColourSpace = DECORRELATED

    def initial_parameters(self, size: int, generator: torch.Generator) -> list[Tensor]:
        """Uniform phases; raises `VisaeError` for a size other than the spectrum's."""
        if size != self.magnitude.shape[1]:
            raise VisaeError(
                f"the spectrum is for pictures of {self.magnitude.shape[1]} px, but this picture has {size} px; "
                "measure it at the picture's size"
            )
        return [(torch.rand(self.magnitude.shape, generator=generator) * 2 - 1) * math.pi]

    def pictures(self, parameters: Sequence[Float[Tensor, "b ..."]], size: int) -> Float[Tensor, "b 3 s s"]:
        """Pictures of `size` px; see `Parameterisation`."""
        (phase,) = parameters
        spectrum = torch.polar(self.magnitude.to(phase).expand_as(phase), phase)
        return self.colours.to_rgb(torch.fft.irfft2(spectrum, s=(size, size), norm="ortho"))


def natural_magnitude(images: Images, size: int, colours: ColourSpace = DECORRELATED) -> Float[Tensor, "3 s f"]:
    """Return the mean magnitude of each frequency over images, scaled to `size` px, along the axes of colour.

    Cached by the source of the images: its settings, and the content of up to 16 of them. Raises `VisaeError` if none
    of the images can be read.
    """
    key = json.dumps([images.settings(), _digests(images), size, colours.mix], sort_keys=True)
    path = cache_folder("spectra") / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.safetensors"
    if path.exists():
        return files.read_tensors(path, SCHEMA)[0]["magnitude"]
    magnitude = _mean_magnitude(images, size, colours)
    files.write_tensors(path, {"magnitude": magnitude}, {"schema": SCHEMA})
    return magnitude


def _mean_magnitude(images: Images, size: int, colours: ColourSpace) -> Float[Tensor, "3 s f"]:
    total, count = torch.zeros(3, size, size // 2 + 1, dtype=torch.float64), 0
    with Progress("spectrum", len(images), "images") as progress:
        for batch in batches(images, _BATCH):
            pixels = F.interpolate(to_float(batch.pixels), (size, size), mode="bilinear", antialias=True)
            total += torch.fft.rfft2(colours.from_rgb(pixels), norm="ortho").abs().double().sum(0)
            count += len(pixels)
            progress.update(len(batch.indices) + len(batch.skipped))
    if not count:
        raise VisaeError(f"none of the {len(images)} images of {images.name} can be read; give readable images")
    return (total / count).float()


def _digests(images: Images) -> list[str]:
    """Return the digests of up to 16 evenly spaced images, to tell folders apart whose files have the same names."""
    digests = []
    for index in range(0, len(images), max(len(images) // _DIGESTS, 1)):
        try:
            digests.append(images.read(index)[1])
        except Unreadable:
            digests.append("")
    return digests
