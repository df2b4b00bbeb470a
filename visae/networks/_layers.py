"""Layers of a network: their names and geometry."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from visae._support.errors import VisaeError


@dataclass(frozen=True)
class Layer:
    """Geometry of a layer.

    channels:         length of the activation vector at one position.
    stride:           distance between neighbouring positions, in px of the image.
    receptive_field:  side, in px, of the image square that one position depends on.
    offset:           px coordinate, in x and in y, of the receptive field's centre at position 0. Pixel centres are
                      whole numbers. Exact for images whose side is a multiple of the stride.
    """

    name: str
    channels: int
    stride: int
    receptive_field: int
    offset: float

    def centre(self, position: int) -> float:
        """Return the px coordinate of the receptive field's centre at a row or column of the map."""
        return self.offset + self.stride * position


class LazyLayers(Mapping[str, Layer]):
    """Layers by name, each measured on first access; the names are known from the start."""

    def __init__(self, names: Iterable[str], measure: Callable[[str], Layer]):
        self._measured: dict[str, Layer | None] = dict.fromkeys(names)
        self._measure = measure

    def __getitem__(self, name: str) -> Layer:
        layer = self._measured[name]
        if layer is None:
            layer = self._measured[name] = self._measure(name)
        return layer

    def __contains__(self, name: object) -> bool:
        return name in self._measured

    def __iter__(self) -> Iterator[str]:
        return iter(self._measured)

    def __len__(self) -> int:
        return len(self._measured)


def check_position(layer: str, position: tuple[int, int], size: tuple[int, int]) -> None:
    """Raise `VisaeError` if a position (row, column) lies outside maps of this size (height, width)."""
    if not all(0 <= index < side for index, side in zip(position, size, strict=True)):
        raise VisaeError(
            f"position {position} is outside the maps of {layer}, "
            f"which have {size[0]} rows and {size[1]} columns for these images"
        )
