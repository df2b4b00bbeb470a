"""Sprite sheets of heat maps."""

import io

import numpy as np
from PIL import Image

from visae.atlas._heat_maps import heat_sheet


def test_maps_are_clear_at_zero_and_opaque_at_their_maximum():
    heat = np.zeros((3, 3), np.float32)
    heat[1, 2] = 5.0
    sheet = Image.open(io.BytesIO(heat_sheet([[heat, None], [None, 2 * heat]], 2))).convert("RGBA")
    pixels = np.array(sheet)
    assert pixels.shape == (10, 10, 4)
    assert pixels[2, 3, 3] == pixels[7, 8, 3] > 200
    assert (pixels[:5, 5:, 3] == 0).all()
    # The border repeats the map's own edge, so that neighbours do not bleed in when it is enlarged.
    assert pixels[2, 4, 3] == pixels[2, 3, 3]
