"""Sprite sheets of thumbnails."""

import io

import numpy as np
from PIL import Image

from visae.atlas._thumbnails import ACROSS, SIZE, thumbnail_sheets


def test_pictures_fill_sheets_in_order():
    capacity = ACROSS**2
    pictures = [np.full((20, 20, 3), 40 * (index % 6), np.uint8) for index in range(2 * capacity + 3)]
    pictures[3] = None
    sheets = [np.array(Image.open(io.BytesIO(data)).convert("RGB")).astype(int) for data in thumbnail_sheets(pictures)]
    assert [sheet.shape for sheet in sheets] == [(ACROSS * SIZE, ACROSS * SIZE, 3)] * 3
    for index in range(2 * capacity + 3):
        row, column = divmod(index % capacity, ACROSS)
        centre = sheets[index // capacity][row * SIZE + SIZE // 2, column * SIZE + SIZE // 2]
        assert np.abs(centre - (128 if index == 3 else 40 * (index % 6))).max() < 6
    assert list(thumbnail_sheets([])) == []
