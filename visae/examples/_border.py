"""Positions that are away from the border of the image."""

from visae._support.errors import VisaeError
from visae.images import Images
from visae.networks import Layer


def border_margin(layer: Layer, images: Images) -> float:
    """The margin at which what a position sees lies inside the image; of small images, a quarter of their side."""
    return min((layer.receptive_field - 1) / 2, images.size / 4)


def inside(layer: Layer, count: int, size: int, margin: float) -> tuple[int, int]:
    """The first of `count` rows (or columns) whose centre is `margin` px from the border, and the one after the last.

    Raises `VisaeError` if there is none in images of `size` px.
    """
    far = [place for place in range(count) if margin <= layer.centre(place) <= size - 1 - margin]
    if not far:
        raise VisaeError(
            f"no position of {layer.name} is {margin:g} px or more from the border of images of {size} px; "
            "give larger images"
        )
    return far[0], far[-1] + 1
