import pytest
import torch
from stores import row_numbers, write_numbered_store

from visae.training import TrainingConfig
from visae.training._batches import Batches
from visae.training._prefetch import from_device_memory, gathered_ahead, prefetch

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    rows = write_numbered_store(tmp_path_factory.mktemp("rows") / "rows", 40)
    return Batches(rows, TrainingConfig(rows_seen=630, batch=7, holdout=0.2))


@pytest.mark.parametrize("strategy", [prefetch, from_device_memory, gathered_ahead])
@pytest.mark.parametrize("step", [0, 3, 50, 89])
def test_every_strategy_yields_the_rows_of_the_batches(batches, strategy, step):
    """Those for a GPU too: they do the same on a CPU."""
    expected = [batches.rows.gather(index) for index in batches.from_step(step)]
    fetched = list(strategy(batches.rows, batches.from_step(step), CPU))
    assert len(fetched) == len(expected) == batches.steps - step
    assert all(x.dtype == torch.float32 and torch.equal(x, y) for x, y in zip(fetched, expected, strict=True))


def test_only_a_few_batches_are_gathered_ahead(batches):
    requested = []

    def indices():
        for index in batches.from_step(0):
            requested.append(row_numbers(batches.rows.gather(index)))
            yield index

    fetched = gathered_ahead(batches.rows, indices(), CPU)
    assert row_numbers(next(fetched)) == requested[0]
    assert len(requested) <= 6
    fetched.close()


def test_rows_loaded_at_once_are_those_of_the_store(batches):
    rows = batches.rows
    assert torch.equal(rows.load_all("cpu").float(), rows.gather(torch.arange(len(rows))))
