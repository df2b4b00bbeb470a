import threading
import time

import pytest
import torch

from visae._support.errors import VisaeError
from visae.images import Leaves, Unreadable, batches


class Numbered:
    """Images whose pixels are their index; `bad` ones are unreadable, and early ones take the longest."""

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


def plain(batch):
    return batch.pixels[:, 0, 0, 0].tolist(), batch.indices, batch.digests, batch.skipped


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize(("count", "size"), [(20, 4), (21, 4), (3, 32), (1, 1), (64, 1)])
def test_order_whatever_the_timing(count, size, workers):
    got = list(batches(Numbered(count), size, workers=workers))
    assert [batch.indices for batch in got] == [
        tuple(range(first, min(first + size, count))) for first in range(0, count, size)
    ]
    for batch in got:
        assert plain(batch)[0] == list(batch.indices)
        assert batch.digests == tuple(f"digest {index}" for index in batch.indices)
        assert batch.skipped == ()


def test_unreadable_ones_are_skipped_with_their_reason():
    first, second, third = batches(Numbered(9, bad={1, 3, 4, 5}), size=3)
    assert plain(first) == ([0, 2], (0, 2), ("digest 0", "digest 2"), ((1, "number 1 is bad"),))
    assert second.pixels.shape == (0, 3, 8, 8)
    assert second.indices == ()
    assert [index for index, _ in second.skipped] == [3, 4, 5]
    assert third.indices == (6, 7, 8)


@pytest.mark.parametrize("start", [0, 6, 12, 18])
def test_resumed_is_uninterrupted(start):
    whole = [plain(batch) for batch in batches(Numbered(20, bad={7, 13}), size=6)]
    rest = [plain(batch) for batch in batches(Numbered(20, bad={7, 13}), size=6, start=start)]
    assert rest == whole[start // 6 :]


@pytest.mark.parametrize("start", [5, 6])
def test_start_at_or_beyond_the_end(start):
    assert list(batches(Numbered(5), start=start)) == []


def test_runs_ahead_by_one_batch_and_no_more():
    images = Numbered(1000)
    stream = batches(images, size=5, workers=4)
    for given in range(1, 4):
        next(stream)
        time.sleep(0.1)
        assert len(images.reads) == 5 * (given + 1)
    stream.close()


def test_every_image_is_read_once():
    images = Numbered(50)
    list(batches(images, size=7, workers=3))
    assert sorted(images.reads) == list(range(50))


def test_closed_early_leaves_no_thread():
    images = Numbered(1000)
    stream = batches(images, size=5, workers=3)
    next(stream)
    assert threads()
    stream.close()
    assert threads() == []
    assert len(images.reads) <= 10


def test_end_leaves_no_thread():
    list(batches(Numbered(10), size=3))
    assert threads() == []


def test_fault_passes_through_and_leaves_no_thread():
    stream = batches(Numbered(100, fault=6), size=4)
    assert next(stream).indices == (0, 1, 2, 3)
    with pytest.raises(RuntimeError, match="a fault of the program"):
        next(stream)
    assert threads() == []


@pytest.mark.parametrize(("size", "start", "workers"), [(0, 0, 2), (4, -1, 2), (4, 0, 0)])
def test_counts_that_make_no_sense(size, start, workers):
    with pytest.raises(VisaeError, match=f"batches of {size} from image {start} with {workers} workers"):
        batches(Numbered(3), size, start, workers)


def test_leaves_are_the_same_in_threads():
    leaves = Leaves(12, size=64)
    got = torch.cat([batch.pixels for batch in batches(leaves, size=5, workers=4)])
    assert torch.equal(got, torch.stack([leaves.read(index)[0] for index in range(12)]))
