import itertools

import pytest
import torch
from stores import numbered, numbers_of

from visae._support.errors import VisaeError
from visae.training import TrainingConfig
from visae.training._batches import Batches


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """20 images of 10 rows."""
    return numbered(tmp_path_factory.mktemp("rows") / "rows", 20)


def epochs(batches):
    """The indices of the rows of every epoch."""
    drawn = [index.tolist() for index in batches.from_step(0)]
    size = batches.per_epoch
    return [list(itertools.chain(*drawn[first : first + size])) for first in range(0, len(drawn), size)]


def held_out(batches):
    return list(itertools.chain(*(numbers_of(batch) for batch in batches.held_out())))


@pytest.mark.parametrize("batch", [1, 7, 32, 180])
@pytest.mark.parametrize("seed", [0, 1])
def test_an_epoch_has_every_training_row_at_most_once_and_each_has_a_new_order(rows, batch, seed):
    batches = Batches(rows, TrainingConfig(epochs=3, batch=batch, seed=seed))
    training_rows = set(range(200)) - set(held_out(batches))
    drawn = epochs(batches)
    assert len(training_rows) == 180
    assert len(drawn) == 3
    assert batches.steps == 3 * (180 // batch)
    for epoch in drawn:
        assert len(epoch) == len(set(epoch)) == 180 // batch * batch
        assert set(epoch) <= training_rows
        assert epoch != sorted(epoch)
    assert len({tuple(epoch) for epoch in drawn}) == 3
    # What an epoch leaves out, so that its batches are whole, others bring.
    if batch == 32:
        assert set().union(*drawn) == training_rows


@pytest.mark.parametrize("step", [0, 1, 4, 5, 6, 10, 14, 15])
def test_the_order_can_be_taken_up_anywhere(rows, step):
    batches = Batches(rows, TrainingConfig(epochs=3, batch=32, seed=5))
    whole = [index.tolist() for index in batches.from_step(0)]
    assert len(whole) == batches.steps == 15
    torch.manual_seed(step)
    again = Batches(rows, TrainingConfig(epochs=3, batch=32, seed=5))
    assert [index.tolist() for index in again.from_step(step)] == whole[step:]


def test_another_seed_is_another_order_and_other_images(rows):
    one, other = (Batches(rows, TrainingConfig(epochs=1, batch=32, seed=seed)) for seed in (0, 1))
    assert epochs(one) != epochs(other)
    assert one.held_out_images.tolist() != other.held_out_images.tolist()


SHARES = [
    # share held out, of 20 images, and how many that are
    (0.0, 0),
    (0.001, 1),
    (0.1, 2),
    (0.12, 2),
    (0.13, 3),
    (0.5, 10),
    (0.99, 19),
]


@pytest.mark.parametrize(("share", "count"), SHARES)
def test_whole_images_are_held_out(rows, share, count):
    batches = Batches(rows, TrainingConfig(epochs=2, batch=4, holdout=share))
    assert len(batches.held_out_images) == len(set(batches.held_out_images.tolist())) == count
    trained_on = {row // 10 for epoch in epochs(batches) for row in epoch}
    of_images = [10 * image + row for image in sorted(batches.held_out_images.tolist()) for row in range(10)]
    if count:
        assert held_out(batches) == of_images
        assert trained_on.isdisjoint(batches.held_out_images.tolist())
    else:
        assert held_out(batches) == list(range(200))


def test_held_out_rows_come_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("visae.training._batches._HELD_OUT_BATCH", 64)
    batches = Batches(numbered(tmp_path / "rows", 20), TrainingConfig(batch=8, holdout=0.5))
    assert [len(batch) for batch in batches.held_out()] == [64, 36]


@pytest.mark.parametrize(("most", "count"), [(7, 7), (180, 180), (32_768, 180)])
def test_a_sample_is_of_rows_that_are_trained_on_and_always_the_same(rows, most, count):
    batches = Batches(rows, TrainingConfig(batch=8, seed=3))
    found = numbers_of(batches.sample(most))
    assert len(found) == len(set(found)) == count
    assert set(found).isdisjoint(held_out(batches))
    torch.manual_seed(most)
    assert numbers_of(Batches(rows, TrainingConfig(batch=32, seed=3)).sample(most)) == found
    assert numbers_of(Batches(rows, TrainingConfig(batch=8, seed=4)).sample(most)) != found


def test_one_image_is_trained_on_and_measured_on(tmp_path):
    batches = Batches(numbered(tmp_path / "rows", 1), TrainingConfig(epochs=1, batch=5))
    assert len(batches.held_out_images) == 0
    assert sorted(epochs(batches)[0]) == held_out(batches) == list(range(10))


@pytest.mark.parametrize(("batch", "holdout", "there"), [(201, 0.0, 200), (181, 0.1, 180), (2048, 0.5, 100)])
def test_fewer_rows_than_a_batch_are_refused_with_both_numbers(rows, batch, holdout, there):
    with pytest.raises(VisaeError, match=rf"a batch is {batch:,} rows, .* has {there} to train on"):
        Batches(rows, TrainingConfig(batch=batch, holdout=holdout))
