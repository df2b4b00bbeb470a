"""What a network knows of a place to read."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError


@dataclass(frozen=True)
class Layer:
    """A layer's geometry.

    channels:         length of one position's activation vector.
    stride:           px of the image between neighbouring positions.
    receptive_field:  side, in px, of the square of the image that one position sees.
    offset:           px coordinate, in x and in y, of the centre of the receptive field of position 0
                      (pixel centres are whole numbers), for images whose side is a multiple of the stride.
    """

    name: str
    channels: int
    stride: int
    receptive_field: int
    offset: float

    def centre(self, position: int) -> float:
        """The px coordinate of the centre of what a position (a row or column of the map) sees."""
        return self.offset + self.stride * position


def middle_position(maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c 1 1"]:
    """Maps at their middle position, (h // 2, w // 2), alone."""
    row, column = maps.shape[2] // 2, maps.shape[3] // 2
    return maps[:, :, row : row + 1, column : column + 1]


def refuse_outside(layer: str, position: tuple[int, int], size: tuple[int, int]) -> None:
    """Raise `VisaeError` for a position, row and column, that maps of this height and width do not have."""
    if not all(0 <= at < side for at, side in zip(position, size, strict=True)):
        raise VisaeError(
            f"position {position} of {layer}: its maps of these images have {size[0]} rows and {size[1]} columns"
        )
