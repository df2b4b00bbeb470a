"""What a network knows of a place to read."""

from dataclasses import dataclass


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
