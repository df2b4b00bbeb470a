import pytest
import torch
from stores import numbered, numbers_of

from visae.training import TrainingConfig
from visae.training._batches import Batches
from visae.training._prefetch import from_device_memory, gathered_ahead, prefetch

CPU = torch.device("cpu")


@pytest.fixture
def batches(tmp_path):
    return Batches(numbered(tmp_path / "rows", 40), TrainingConfig(epochs=2, batch=7, holdout=0.2))


@pytest.mark.parametrize("way", [prefetch, from_device_memory, gathered_ahead])
@pytest.mark.parametrize("step", [0, 3, 50, 89])
def test_every_way_brings_the_same_rows(batches, way, step):
    """Those for a GPU too: what they do is the same on a CPU."""
    expected = [batches.rows.gather(index) for index in batches.from_step(step)]
    found = list(way(batches.rows, batches.from_step(step), CPU))
    assert len(found) == len(expected) == batches.steps - step
    assert all(x.dtype == torch.float32 and torch.equal(x, y) for x, y in zip(found, expected, strict=True))


def test_few_batches_are_gathered_before_they_are_asked_for(batches):
    asked = []

    def indices():
        for index in batches.from_step(0):
            asked.append(numbers_of(batches.rows.gather(index)))
            yield index

    coming = gathered_ahead(batches.rows, indices(), CPU)
    first = numbers_of(next(coming))
    assert first == asked[0]
    assert len(asked) <= 6
    coming.close()


def test_all_rows_on_a_device_are_the_rows(batches):
    rows = batches.rows
    assert torch.equal(rows.load_all("cpu").float(), rows.gather(torch.arange(len(rows))))
