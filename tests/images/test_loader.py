import threading
import time

import pytest
import torch
from PIL import Image

from visae._support.errors import VisaeError
from visae.images import Leaves, Photographs, Unreadable, batches, open_images


class Numbered:
    """Images whose pixels are their index; those in `bad` are unreadable, and early ones of a batch take longest."""

    name, size = "numbered", 8

    def __init__(self, count, bad=(), fault=None):
        self.count, self.bad, self.fault = count, bad, fault
        self.reads = []

    def __len__(self):
        return self.count

    def key(self, index):
        return f"number {index}"

    def read(self, index):
        self.reads.append(index)
        time.sleep(0.002 * (-index % 4))
        if index == self.fault:
            raise RuntimeError("a fault of the program")
        if index in self.bad:
            raise Unreadable(f"number {index} is bad")
        return torch.full((3, 8, 8), index, dtype=torch.uint8), f"digest {index}"

    def settings(self):
        return {"kind": "numbered", "count": self.count}


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("visae-images")]


def contents(batch):
    return batch.pixels[:, 0, 0, 0].tolist(), batch.indices, batch.digests, batch.skipped


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize(("count", "size"), [(20, 4), (21, 4), (3, 32), (1, 1), (64, 1)])
def test_the_order_does_not_depend_on_timing(count, size, workers):
    got = list(batches(Numbered(count), size, workers=workers))
    assert [batch.indices for batch in got] == [
        tuple(range(first, min(first + size, count))) for first in range(0, count, size)
    ]
    for batch in got:
        assert contents(batch)[0] == list(batch.indices)
        assert batch.digests == tuple(f"digest {index}" for index in batch.indices)
        assert batch.skipped == ()


def test_unreadable_images_are_skipped_with_their_reason():
    first, second, third = batches(Numbered(9, bad={1, 3, 4, 5}), size=3)
    assert contents(first) == ([0, 2], (0, 2), ("digest 0", "digest 2"), ((1, "number 1 is bad"),))
    assert second.pixels.shape == (0, 3, 8, 8)
    assert second.indices == ()
    assert [index for index, _ in second.skipped] == [3, 4, 5]
    assert third.indices == (6, 7, 8)


@pytest.mark.parametrize("start", [0, 6, 12, 18])
def test_a_later_start_gives_the_same_batches(start):
    whole = [contents(batch) for batch in batches(Numbered(20, bad={7, 13}), size=6)]
    rest = [contents(batch) for batch in batches(Numbered(20, bad={7, 13}), size=6, start=start)]
    assert rest == whole[start // 6 :]


@pytest.mark.parametrize("start", [5, 6])
def test_a_start_at_or_after_the_end_gives_no_batch(start):
    assert list(batches(Numbered(5), start=start)) == []


def test_reading_runs_ahead_by_one_batch():
    images = Numbered(1000)
    stream = batches(images, size=5, workers=4)
    for yielded in range(1, 4):
        next(stream)
        time.sleep(0.1)
        assert len(images.reads) == 5 * (yielded + 1)
    stream.close()


def test_every_image_is_read_once():
    images = Numbered(50)
    list(batches(images, size=7, workers=3))
    assert sorted(images.reads) == list(range(50))


def test_closing_early_ends_the_threads():
    images = Numbered(1000)
    stream = batches(images, size=5, workers=3)
    next(stream)
    assert threads()
    stream.close()
    assert threads() == []
    assert len(images.reads) <= 10


def test_the_end_ends_the_threads():
    list(batches(Numbered(10), size=3))
    assert threads() == []


def test_an_exception_propagates_and_ends_the_threads():
    stream = batches(Numbered(100, fault=6), size=4)
    assert next(stream).indices == (0, 1, 2, 3)
    with pytest.raises(RuntimeError, match="a fault of the program"):
        next(stream)
    assert threads() == []


@pytest.mark.parametrize(("size", "start", "workers"), [(0, 0, 2), (4, -1, 2), (4, 0, 0)])
def test_invalid_counts_are_refused(size, start, workers):
    with pytest.raises(VisaeError, match=f"batches of {size} from image {start} with {workers} workers"):
        batches(Numbered(3), size, start, workers)


def test_leaves_are_the_same_in_threads():
    leaves = Leaves(7, size=32)
    got = torch.cat([batch.pixels for batch in batches(leaves, size=3, workers=4)])
    assert torch.equal(got, torch.stack([leaves.read(index)[0] for index in range(7)]))


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (30, 20)).save(folder / "x.png")
    return folder


@pytest.mark.parametrize("spelled", [str, lambda path: path, lambda path: f"{path}/"])
def test_opens_a_folder(photos, spelled):
    images = open_images(spelled(photos), resize=40, crop=24)
    assert isinstance(images, Photographs)
    assert (images.name, images.size, images.key(0)) == (str(spelled(photos)), 24, "x.png")


@pytest.mark.parametrize("name", ["list.txt", "list.lst", "list"])
def test_opens_a_list(photos, name):
    (photos.parent / name).write_text("photos/x.png\n")
    images = open_images(photos.parent / name)
    assert images.read(0)[0].shape == (3, 224, 224)


def test_opens_leaves():
    images = open_images("leaves:12", crop=32, seed=3)
    assert isinstance(images, Leaves)
    assert (images.name, len(images), images.size) == ("leaves:12", 12, 32)
    assert torch.equal(images.read(4)[0], Leaves(12, 32, seed=3).read(4)[0])


def test_leaves_may_be_larger_than_the_resized_side():
    assert open_images("leaves:1", resize=256, crop=300).size == 300


def test_images_are_returned_unchanged():
    images = Leaves(3)
    assert open_images(images) is images


@pytest.mark.parametrize(
    "source", ["leaves:", "leaves:abc", "leaves:0", "leaves:-3", "leaves:2.5", "leaves:²", "leaves: 7"]
)
def test_leaves_need_a_count(source):
    with pytest.raises(VisaeError, match=f"found '{source}', expected a count of at least 1"):
        open_images(source)


def test_a_single_image_is_refused(photos):
    with pytest.raises(VisaeError, match=r"x\.png is a single image; give its folder"):
        open_images(photos / "x.png")


def test_a_missing_path_is_refused(tmp_path):
    with pytest.raises(VisaeError, match=r"found nothing at .*absent; expected a folder"):
        open_images(tmp_path / "absent")


@pytest.mark.parametrize(("resize", "crop"), [(100, 101), (256, 7)])
def test_an_impossible_crop_is_refused(photos, resize, crop):
    with pytest.raises(VisaeError, match=f"found crop {crop} and resize {resize}"):
        open_images(photos, resize, crop)


def test_leaves_below_8_px_are_refused():
    with pytest.raises(VisaeError, match="leaves of 7 px"):
        open_images("leaves:3", crop=7)
