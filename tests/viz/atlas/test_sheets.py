"""Sheets of pictures."""

import io

import numpy as np
from PIL import Image

from visae.viz.atlas.sheets import ACROSS, TILE, heat_sheet, wall_sheets


def test_pictures_lie_in_order_on_as_many_sheets_as_they_take():
    pictures = [np.full((20, 20, 3), 40 * (place % 6), np.uint8) for place in range(300)]
    pictures[3] = None
    sheets = list(wall_sheets(pictures))
    assert len(sheets) == 2
    first, second = (np.array(Image.open(io.BytesIO(data)).convert("RGB")).astype(int) for data in sheets)
    assert first.shape == (ACROSS * TILE, ACROSS * TILE, 3)
    middle = TILE // 2
    for place in (0, 1, 3, 17, 255):
        row, column = divmod(place, ACROSS)
        found = first[row * TILE + middle, column * TILE + middle]
        assert np.abs(found - (128 if place == 3 else 40 * (place % 6))).max() < 6
    assert np.abs(second[middle, middle] - 40 * (256 % 6)).max() < 6
    assert list(wall_sheets([])) == []


def test_maps_are_clear_at_zero_and_bright_at_their_maximum():
    heat = np.zeros((3, 3), np.float32)
    heat[1, 2] = 5.0
    sheet = Image.open(io.BytesIO(heat_sheet([[heat, None], [None, 2 * heat]], 2))).convert("RGBA")
    pixels = np.array(sheet)
    assert pixels.shape == (10, 10, 4)
    assert pixels[2, 3, 3] == pixels[7, 8, 3] > 200
    assert (pixels[:5, 5:, 3] == 0).all()
    # The border is the map's own, so that nothing of a neighbour shows when it is enlarged.
    assert pixels[2, 4, 3] == pixels[2, 3, 3]
