"""Pictures of many units on one sheet: a page that shows a thousand asks for a few files."""

import io
from collections.abc import Iterable, Sequence

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

TILE = 64  # px of a unit's picture on the wall
# Tiles of a sheet, across and down. A wall that is sorted shows tiles of many sheets, each of which is decoded whole:
# of 16 by 16 that took seconds with thousands of units.
ACROSS = 4
HEAT_MOST = 32  # px of a heat map, at most
_QUALITY = 78
_LEVELS = 16
_OPAQUE = 0.85  # of a map's maximum

Picture = UInt8[np.ndarray, "h w 3"]


def wall_sheets(pictures: Iterable[Picture | None]) -> Iterable[bytes]:
    """Sheets of 4 by 4 pictures, each scaled to 64 px, as WebP; where there is none it is grey."""
    sheet, count = _blank(), 0
    for picture in pictures:
        place = count % ACROSS**2
        if count and place == 0:
            yield webp(sheet)
            sheet = _blank()
        if picture is not None:
            row, column = divmod(place, ACROSS)
            tile = Image.fromarray(picture).resize((TILE, TILE), Image.Resampling.LANCZOS)
            sheet.paste(tile, (column * TILE, row * TILE))
        count += 1
    if count:
        yield webp(sheet)


def webp(image: Image.Image, quality: int = _QUALITY) -> bytes:
    """An image as a WebP file."""
    data = io.BytesIO()
    image.save(data, "webp", quality=quality, method=4)
    return data.getvalue()


def heat_side(maps: Sequence[Sequence[Float[np.ndarray, "h w"] | None]]) -> int:
    """px of a map; 1 where there is none."""
    return max((len(one) for of_unit in maps for one in of_unit if one is not None), default=1)


def heat_sheet(maps: Sequence[Sequence[Float[np.ndarray, "h w"] | None]], across: int) -> bytes:
    """A row of maps for each unit, as a PNG in colours that are clear where a map is 0 and brightest at its maximum.

    A map has a pixel of its own border around it, so that its neighbours do not show when it is enlarged.
    """
    side = heat_side(maps) + 2
    sheet = np.zeros((len(maps) * side, across * side), np.uint8)
    for row, of_unit in enumerate(maps):
        for column, one in enumerate(of_unit):
            if one is not None:
                heat = one.astype(np.float32)
                share = np.clip(heat / max(float(heat.max()), 1e-12), 0, 1)
                tile = np.pad(np.uint8(np.rint(share * (_LEVELS - 1))), 1, mode="edge")
                sheet[row * side : row * side + len(tile), column * side : column * side + len(tile)] = tile
    image = Image.fromarray(sheet, "P")
    colours = matplotlib.colormaps["plasma"](np.linspace(0, 1, _LEVELS))[:, :3]
    image.putpalette(np.uint8(np.rint(colours * 255)).tobytes())
    clear = bytes(round(255 * _OPAQUE * level / (_LEVELS - 1)) for level in range(_LEVELS))
    data = io.BytesIO()
    image.save(data, "png", bits=4, transparency=clear, optimize=True)
    return data.getvalue()


def _blank() -> Image.Image:
    return Image.new("RGB", (ACROSS * TILE, ACROSS * TILE), "#808080")
