import numpy as np
import pytest

from visae.networks import Layer
from visae.plots._crops import SIDE, Square, crop, overlay_map, square_around

LAYER = Layer("made", 1, 8, 15, 4.0)


@pytest.mark.parametrize(
    ("row", "column", "square"),
    [(3, 5, Square(37, 21, 15)), (0, 0, Square(0, 0, 15)), (15, 7, Square(53, 113, 15))],
)
def test_squares_are_centred_on_the_position_and_moved_into_the_image(row, column, square):
    assert square_around(LAYER, row, column, 15, 128) == square


def test_pixels_of_a_tiny_crop_stay_squares():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    picture = crop(pixels, Square(10, 20, 6))
    assert picture.shape == (SIDE, SIDE, 3)
    centres = ((np.arange(6) + 0.5) * SIDE / 6).astype(int)
    assert np.array_equal(picture[np.ix_(centres, centres)], pixels[:, 20:26, 10:16].transpose(1, 2, 0))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 36


def test_the_map_is_overlaid_at_the_centres_of_its_positions():
    pixels = np.full((3, 128, 128), 90, np.uint8)
    unit_map = np.zeros((16, 16), np.float32)
    unit_map[4, 11] = 3.0
    clear = overlay_map(pixels, np.zeros_like(unit_map), LAYER, Square(0, 0, 8)).astype(int)
    changed = np.abs(overlay_map(pixels, unit_map, LAYER, Square(0, 0, 8)).astype(int) - clear).sum(2)
    y, x = np.unravel_index(changed.argmax(), changed.shape)
    assert x == pytest.approx((LAYER.centre(11) + 0.5) * SIDE / 128, abs=1.5)
    assert y == pytest.approx((LAYER.centre(4) + 0.5) * SIDE / 128, abs=1.5)
    # Nothing changes beyond the neighbouring positions.
    far = np.hypot(*(np.indices(changed.shape) - [[[y]], [[x]]])) > 2**0.5 * 8 * SIDE / 128 + 2
    assert (changed[far] == 0).all()
    assert changed.any()


def test_the_outline_is_where_the_crop_is():
    pixels = np.full((3, 128, 128), 90, np.uint8)
    picture = overlay_map(pixels, np.zeros((16, 16), np.float32), LAYER, Square(32, 64, 32))
    rows, columns = np.nonzero((picture == 255).all(2))
    scale = SIDE / 128
    assert (columns.min(), rows.min()) == (round(32 * scale), round(64 * scale))
    assert (columns.max(), rows.max()) == (round(32 * scale) + round(32 * scale) - 1, round(64 * scale) + 32)
