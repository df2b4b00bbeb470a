"""Pictures whose spectrum is that of photographs: only phases are free (MACO: Fel et al. 2023, arXiv 2306.06805).

At every frequency there is as much as in natural images, so that high frequencies cannot take over, and large pictures
do not turn into noise.
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
from visae.featurevis.parameterisations._colour import MEASURED, Colours
from visae.images import Images, Unreadable, batches, to_float

SCHEMA = 1
_IMAGES_A_BATCH = 32
_LOOKED_AT = 16


@dataclass(frozen=True, eq=False)
class Maco:
    """picture = sigmoid(mix @ irfft2(magnitude * exp(i z))).

    magnitude: [3, s, s // 2 + 1], along the axes of colour, as `natural_magnitude` measures it.
    """

    rate: ClassVar[float] = 0.2
    magnitude: Float[Tensor, "3 s f"]
    colours: Colours = MEASURED

    def start(self, size: int, generator: torch.Generator) -> list[Tensor]:
        """Random phases; raises `VisaeError` for another size than that of the spectrum."""
        if size != self.magnitude.shape[1]:
            raise VisaeError(
                f"the spectrum is of images of {self.magnitude.shape[1]} px, the picture is of {size} px; "
                "measure it at the picture's size"
            )
        return [(torch.rand(self.magnitude.shape, generator=generator) * 2 - 1) * math.pi]

    def pictures(self, parameters: Sequence[Float[Tensor, "b ..."]], size: int) -> Float[Tensor, "b 3 s s"]:
        """Pictures of `size` px; see `Parameterisation`."""
        (phase,) = parameters
        spectrum = torch.polar(self.magnitude.to(phase).expand_as(phase), phase)
        return self.colours.to_rgb(torch.fft.irfft2(spectrum, s=(size, size), norm="ortho"))


def natural_magnitude(images: Images, size: int, colours: Colours = MEASURED) -> Float[Tensor, "3 s f"]:
    """The mean magnitude of each frequency over images scaled to `size` px, before the sigmoid, in axes of colour.

    It is measured once for a source of images (its files' names, the content of some, resize and crop), and kept in the
    cache. Raises `VisaeError` if none of the images can be read.
    """
    what = json.dumps([images.settings(), _digests(images), size, colours.mix], sort_keys=True)
    path = cache_folder("spectra") / f"{hashlib.sha256(what.encode()).hexdigest()[:32]}.safetensors"
    if path.exists():
        return files.read_tensors(path, SCHEMA)[0]["magnitude"]
    total, count = torch.zeros(3, size, size // 2 + 1, dtype=torch.float64), 0
    with Progress("spectrum", len(images), "images") as progress:
        for batch in batches(images, _IMAGES_A_BATCH):
            pixels = F.interpolate(to_float(batch.pixels), (size, size), mode="bilinear", antialias=True)
            total += torch.fft.rfft2(colours.from_rgb(pixels), norm="ortho").abs().double().sum(0)
            count += len(pixels)
            progress.update(len(batch.indices) + len(batch.skipped))
    if not count:
        raise VisaeError(f"none of the {len(images)} images of {images.name} can be read; their spectrum is unknown")
    magnitude = (total / count).float()
    files.write_tensors(path, {"magnitude": magnitude}, {"schema": SCHEMA})
    return magnitude


def _digests(images: Images) -> list[str]:
    """Of up to sixteen of the images, evenly spaced: folders with files of the same names are told apart."""
    some = range(0, len(images), max(len(images) // _LOOKED_AT, 1))
    digests = []
    for index in some:
        try:
            digests.append(images.read(index)[1])
        except Unreadable:
            digests.append("")
    return digests
