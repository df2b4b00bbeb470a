import numpy as np
import pytest
from PIL import Image

import visae
from visae.examples import border_margin, find
from visae.images import Leaves, Unreadable
from visae.plots._examples_sheet import draw_sheet
from visae.plots._panels import SIDE, crop, seen
from visae.plots._unit_examples import draw_examples
from visae.units import Units, neurons


class Torn(Leaves):
    """Leaves of which one is gone, once it is."""

    gone = None

    def read(self, index):
        if index == self.gone:
            raise Unreadable("gone")
        return super().read(index)


@pytest.fixture(scope="module")
def searched():
    network = visae.network("planted", device="cpu")
    units, images = neurons(network, "mixed"), Torn(14, 96)
    units = Units(
        units.kind, network, units.layer, 4, lambda maps: maps[:, :4] * maps.new_tensor([[[1]], [[1]], [[0]], [[1]]])
    )
    margin = border_margin(units.layer, images)
    return units, images, margin, find([units], images, 3, margin=margin)[0]


def test_a_sheet_shows_the_crops_and_says_what_it_is_of(searched, tmp_path):
    units, images, margin, found = searched
    paths = draw_examples(units, found, [1, 3], images, margin, tmp_path)
    assert sorted(tmp_path.iterdir()) == paths == [tmp_path / "00001-examples.png", tmp_path / "00003-examples.png"]
    with Image.open(paths[0]) as sheet:
        texts, pixels = sheet.text, np.asarray(sheet)
    assert texts == {
        "Software": f"visae {visae.__version__}",
        "network": "planted",
        "layer": "mixed",
        "kind": "neurons",
        "unit": "1",
    }
    for examples in (found.top, found.samples):
        image, row, column = examples.of(1)[0]
        of = seen(units.layer, row, column, int(2 * margin) + 1, 96)
        assert holds(pixels, crop(images.read(image)[0].numpy(), of))
    assert not holds(pixels, np.zeros((SIDE, SIDE, 3), np.uint8))


def holds(sheet, picture):
    """Whether a picture is somewhere on a sheet."""
    first = (sheet == picture[0, 0]).all(2)
    rows, columns = np.nonzero(first[: -SIDE + 1, : -SIDE + 1])
    return any(
        np.array_equal(sheet[row : row + SIDE, column : column + SIDE], picture)
        for row, column in zip(rows, columns, strict=True)
    )


def test_a_silent_unit_has_a_sheet_without_examples(searched, tmp_path):
    units, images, margin, found = searched
    draw_examples(units, found, [1, 2], images, margin, tmp_path)
    with Image.open(tmp_path / "00002-examples.png") as silent, Image.open(tmp_path / "00001-examples.png") as other:
        assert silent.height < other.height - 2 * SIDE


def test_each_image_is_read_once(searched, tmp_path, monkeypatch):
    units, images, margin, found = searched
    reads = []
    monkeypatch.setattr(Torn, "read", lambda self, index: (reads.append(index), Leaves.read(self, index))[1])
    draw_examples(units, found, [0, 1, 3], images, margin, tmp_path)
    assert len(reads) == len(set(reads)) > 3


def test_an_image_that_went_since_leaves_a_grey_place(searched, tmp_path, monkeypatch):
    units, images, margin, found = searched
    monkeypatch.setattr(images, "gone", found.top.of(0)[0][0])
    draw_examples(units, found, [0], images, margin, tmp_path)
    with Image.open(tmp_path / "00000-examples.png") as sheet:
        assert holds(np.asarray(sheet), np.full((SIDE, SIDE, 3), 0xEE, np.uint8))


def test_more_examples_than_fit_beside_each_other_go_on_below(tmp_path):
    from visae.plots._examples_sheet import Shown, Words

    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    heights = []
    for count in (8, 9):
        draw_sheet([[Shown(picture, picture, "1")] * count], Words("a", "b", "c", ["d"]), tmp_path / "a.png", {})
        with Image.open(tmp_path / "a.png") as sheet:
            heights.append(sheet.height)
            assert sheet.width < 9 * SIDE + 100
    assert heights[1] > heights[0] + 2 * SIDE
