"""Sheets of dataset examples: what they hold, and that images are read once."""

import errno

import numpy as np
import pytest
from PIL import Image

import visae
from visae._support.errors import VisaeError
from visae.examples import border_margin, find_examples
from visae.images import Leaves, Unreadable
from visae.plots import plot_examples
from visae.plots._crops import SIDE, crop, square_around
from visae.plots._examples import SheetExample, SheetText, draw_sheet, spooled
from visae.units import Units, neurons


class VanishingLeaves(Leaves):
    """Dead leaves whose image `gone` cannot be read."""

    gone = None

    def read(self, index):
        if index == self.gone:
            raise Unreadable("gone")
        return super().read(index)


@pytest.fixture(scope="module")
def searched():
    """Four units, the third one silent; their images, the margin, and their examples."""
    network = visae.network("planted", device="cpu")
    mixed, images = neurons(network, "mixed"), VanishingLeaves(10, 64)
    units = Units(
        mixed.kind, network, mixed.layer, 4, lambda maps: maps[:, :4] * maps.new_tensor([[[1]], [[1]], [[0]], [[1]]])
    )
    margin = border_margin(units.layer, images)
    return units, images, margin, find_examples([units], images, 3, margin=margin)[0]


def contains(sheet, picture):
    """Whether a picture is somewhere on a sheet."""
    first = (sheet == picture[0, 0]).all(2)
    rows, columns = np.nonzero(first[: -SIDE + 1, : -SIDE + 1])
    return any(
        np.array_equal(sheet[row : row + SIDE, column : column + SIDE], picture)
        for row, column in zip(rows, columns, strict=True)
    )


@pytest.mark.slow
def test_a_sheet_holds_the_crops_and_its_metadata(searched, tmp_path):
    units, images, margin, examples = searched
    paths = plot_examples(units, examples, [1, 3], images, margin, tmp_path)
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
    for group in (examples.top, examples.samples):
        image, row, column = group.positions(1)[0]
        square = square_around(units.layer, row, column, int(2 * margin) + 1, 64)
        assert contains(pixels, crop(images.read(image)[0].numpy(), square))
    assert not contains(pixels, np.zeros((SIDE, SIDE, 3), np.uint8))


def test_a_silent_unit_has_a_sheet_without_examples(searched, tmp_path):
    units, images, margin, examples = searched
    plot_examples(units, examples, [1, 2], images, margin, tmp_path)
    with Image.open(tmp_path / "00002-examples.png") as silent, Image.open(tmp_path / "00001-examples.png") as active:
        assert silent.height < active.height - 2 * SIDE


def test_each_image_is_read_once(searched, tmp_path, monkeypatch):
    units, images, margin, examples = searched
    reads = []
    monkeypatch.setattr(VanishingLeaves, "read", lambda self, i: (reads.append(i), Leaves.read(self, i))[1])
    plot_examples(units, examples, [0, 1, 3], images, margin, tmp_path)
    assert len(reads) == len(set(reads)) > 3


def test_an_image_that_can_no_longer_be_read_leaves_a_grey_square(searched, tmp_path, monkeypatch):
    units, images, margin, examples = searched
    monkeypatch.setattr(images, "gone", examples.top.positions(0)[0][0])
    plot_examples(units, examples, [0], images, margin, tmp_path)
    with Image.open(tmp_path / "00000-examples.png") as sheet:
        assert contains(np.asarray(sheet), np.full((SIDE, SIDE, 3), 0xEE, np.uint8))


def test_more_than_eight_examples_continue_in_the_next_row(tmp_path):
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    heights = []
    for count in (8, 9):
        group = [SheetExample(picture, picture, "1")] * count
        draw_sheet([group], SheetText("a", "b", "c", ["d"]), tmp_path / "a.png", {})
        with Image.open(tmp_path / "a.png") as sheet:
            heights.append(sheet.height)
            assert sheet.width < 9 * SIDE + 100
    assert heights[1] > heights[0] + 2 * SIDE


def test_spooled_arrays_are_read_in_any_order(tmp_path):
    arrays = np.random.default_rng(0).integers(0, 256, (5, 2, 3, 4), dtype=np.uint8)
    with spooled(tmp_path / "new", (2, 3, 4)) as spool:
        for number in (4, 0, 2):
            spool.write(number, arrays[number])
        for number in (0, 2, 4):
            assert np.array_equal(spool.read(number), arrays[number])
        assert spool.read(1) is None
        assert spool.read(9) is None
    assert list((tmp_path / "new").iterdir()) == []


def test_a_full_disk_is_reported_in_one_line(tmp_path):
    with pytest.raises(VisaeError, match=r"cannot write in .*: No space left"), spooled(tmp_path, (1,)):
        raise OSError(errno.ENOSPC, "No space left on device")
