"""Reading maps a few images at a time."""

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor

from visae.units import Units

# The maps of a whole batch would come from fresh memory each time, which costs as much as reading them.
_IMAGES = 4


def in_pieces(units: Units, maps: Float[Tensor, "b c h w"]) -> Iterator[tuple[slice, Float[Tensor, "_ u h w"]]]:
    """The units' maps of a few images after the other, from the maps of their layer; and which images these are."""
    for first in range(0, len(maps), _IMAGES):
        images = slice(first, first + _IMAGES)
        yield images, units.read(maps[images]).float()
