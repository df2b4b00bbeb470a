"""Sheets of pictures."""

import io

import numpy as np
from PIL import Image

from visae.atlas._sheets import ACROSS, TILE, heat_sheet, wall_sheets


def test_pictures_lie_in_order_on_as_many_sheets_as_they_take():
    whole = ACROSS**2
    pictures = [np.full((20, 20, 3), 40 * (place % 6), np.uint8) for place in range(2 * whole + 3)]
    pictures[3] = None
    sheets = [np.array(Image.open(io.BytesIO(data)).convert("RGB")).astype(int) for data in wall_sheets(pictures)]
    assert [sheet.shape for sheet in sheets] == [(ACROSS * TILE, ACROSS * TILE, 3)] * 3
    middle = TILE // 2
    for place in range(2 * whole + 3):
        row, column = divmod(place % whole, ACROSS)
        found = sheets[place // whole][row * TILE + middle, column * TILE + middle]
        assert np.abs(found - (128 if place == 3 else 40 * (place % 6))).max() < 6
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
