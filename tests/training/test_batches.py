import itertools

import pytest
import torch
from stores import row_numbers, write_numbered_store

from visae._support.errors import VisaeError
from visae.training import TrainingConfig
from visae.training._batches import Batches


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """20 images of 10 rows."""
    return write_numbered_store(tmp_path_factory.mktemp("rows") / "rows", 20)


def rows_by_epoch(batches):
    indices = [index.tolist() for index in batches.from_step(0)]
    size = batches.per_epoch
    return [list(itertools.chain(*indices[first : first + size])) for first in range(0, len(indices), size)]


def held_out_rows(batches):
    return list(itertools.chain(*(row_numbers(batch) for batch in batches.held_out())))


@pytest.mark.parametrize("batch", [1, 7, 32, 180])
@pytest.mark.parametrize("seed", [0, 1])
def test_an_epoch_has_every_training_row_at_most_once_in_a_new_order(rows, batch, seed):
    batches = Batches(rows, TrainingConfig(rows_seen=3 * (180 // batch * batch), batch=batch, seed=seed))
    training_rows = set(range(200)) - set(held_out_rows(batches))
    epochs = rows_by_epoch(batches)
    assert len(training_rows) == 180
    assert len(epochs) == 3
    assert batches.steps == 3 * (180 // batch)
    for epoch in epochs:
        assert len(epoch) == len(set(epoch)) == 180 // batch * batch
        assert set(epoch) <= training_rows
        assert epoch != sorted(epoch)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    # The rows that do not fill a batch differ from epoch to epoch.
    if batch == 32:
        assert set().union(*epochs) == training_rows


@pytest.mark.parametrize("step", [0, 1, 4, 5, 6, 10, 14, 15])
def test_the_order_can_be_resumed_at_any_step(rows, step):
    batches = Batches(rows, TrainingConfig(rows_seen=480, batch=32, seed=5))
    whole = [index.tolist() for index in batches.from_step(0)]
    assert len(whole) == batches.steps == 15
    torch.manual_seed(step)
    again = Batches(rows, TrainingConfig(rows_seen=480, batch=32, seed=5))
    assert [index.tolist() for index in again.from_step(step)] == whole[step:]


def test_the_seed_decides_the_order_and_the_held_out_images(rows):
    first, second = (Batches(rows, TrainingConfig(rows_seen=160, batch=32, seed=seed)) for seed in (0, 1))
    assert rows_by_epoch(first) != rows_by_epoch(second)
    assert first.held_out_images.tolist() != second.held_out_images.tolist()


@pytest.mark.parametrize(
    ("holdout", "images"), [(0.0, 0), (0.001, 1), (0.1, 2), (0.12, 2), (0.13, 3), (0.5, 10), (0.99, 19)]
)
def test_whole_images_are_held_out(rows, holdout, images):
    batches = Batches(rows, TrainingConfig(rows_seen=400, batch=4, holdout=holdout))
    held_out = batches.held_out_images.tolist()
    assert len(held_out) == len(set(held_out)) == images
    trained_on = {row // 10 for epoch in rows_by_epoch(batches) for row in epoch}
    if images:
        assert held_out_rows(batches) == [10 * image + row for image in sorted(held_out) for row in range(10)]
        assert trained_on.isdisjoint(held_out)
    else:
        assert held_out_rows(batches) == list(range(200))


def test_held_out_rows_come_in_batches(rows, monkeypatch):
    monkeypatch.setattr("visae.training._batches._HELD_OUT_BATCH", 64)
    batches = Batches(rows, TrainingConfig(batch=8, holdout=0.5))
    assert [len(batch) for batch in batches.held_out()] == [64, 36]


@pytest.mark.parametrize(("most", "count"), [(7, 7), (180, 180), (32_768, 180)])
def test_a_sample_is_drawn_from_training_rows_by_the_seed_alone(rows, most, count):
    batches = Batches(rows, TrainingConfig(batch=8, seed=3))
    sample = row_numbers(batches.sample(most))
    assert len(sample) == len(set(sample)) == count
    assert set(sample).isdisjoint(held_out_rows(batches))
    torch.manual_seed(most)
    assert row_numbers(Batches(rows, TrainingConfig(batch=32, seed=3)).sample(most)) == sample
    assert row_numbers(Batches(rows, TrainingConfig(batch=8, seed=4)).sample(most)) != sample


def test_a_single_image_is_trained_on_and_measured_on(tmp_path):
    batches = Batches(write_numbered_store(tmp_path / "rows", 1), TrainingConfig(rows_seen=10, batch=5))
    assert len(batches.held_out_images) == 0
    assert sorted(rows_by_epoch(batches)[0]) == held_out_rows(batches) == list(range(10))


@pytest.mark.parametrize(("batch", "holdout", "count"), [(201, 0.0, 200), (181, 0.1, 180), (2048, 0.5, 100)])
def test_fewer_rows_than_a_batch_are_refused_with_both_numbers(rows, batch, holdout, count):
    with pytest.raises(VisaeError, match=rf"a batch is {batch:,} rows, .* has {count}"):
        Batches(rows, TrainingConfig(batch=batch, holdout=holdout))
