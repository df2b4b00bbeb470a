"""Bounded queues against sorting everything, and quantiles of samples whose ranks are known."""

import pytest
import torch

from visae.examples._collector import BoundedQueues, choose_at_quantiles


def test_queues_keep_what_sorting_everything_would():
    source = torch.Generator().manual_seed(0)
    # Few distinct keys, so that there are many ties.
    keys = torch.randint(0, 9, (6, 50), generator=source).double()
    keys[keys == 8] = torch.inf
    values, positions = torch.rand(6, 50, generator=source), torch.randint(0, 99, (6, 50), generator=source)
    queues = BoundedQueues(6, 7)
    for chunk in torch.arange(50).split(11):
        queues.push(keys[:, chunk], values[:, chunk], chunk, positions[:, chunk])
    for unit in range(6):
        order = sorted(range(50), key=lambda entry: (keys[unit, entry].item(), entry))[:7]
        assert queues.key[unit].tolist() == keys[unit, order].tolist()
        assert queues.image[unit].tolist() == order
        assert torch.equal(queues.value[unit], values[unit, order])
        assert torch.equal(queues.position[unit], positions[unit, order])


def test_infinite_keys_are_dropped():
    queues = BoundedQueues(2, 3)
    keys = torch.tensor([[1.0, torch.inf], [torch.inf, torch.inf]], dtype=torch.float64)
    assert queues.admits(keys).tolist() == [[True, False], [False, False]]
    queues.push(keys, torch.ones(2, 2), torch.tensor([5, 6]), torch.ones(2, 2, dtype=torch.int64))
    assert queues.occupied.tolist() == [[True, False, False], [False, False, False]]
    assert queues.image[0, 0] == 5


def sample_of(values):
    """The sample of one unit with these values, one per image, pushed in a random order."""
    count = len(values)
    queues = BoundedQueues(1, 64)
    keys = torch.rand(1, count, dtype=torch.float64, generator=torch.Generator().manual_seed(count))
    queues.push(keys, torch.tensor([values]), torch.arange(count), torch.zeros(1, count, dtype=torch.int64))
    return queues


def images_and_ranks(count, top, quantiles):
    """What is chosen for a unit whose value is i + 1 in image i."""
    sample = sample_of([float(index + 1) for index in range(count)])
    chosen, rank = choose_at_quantiles(sample, torch.tensor([top]), quantiles)
    images = [sample.image[0, index].item() for index in chosen[0].tolist() if index >= 0]
    return images, rank[0].tolist()


@pytest.mark.parametrize(
    ("count", "top", "expected"),
    [
        (9, [8], [7, 6, 4, 1]),  # the member at 0.9 is in the top: the next one below; of two equally near, the lower
        (19, [18, 17], [16, 14, 9, 4]),
        (4, [3, 2, 1, 0], []),
        (4, [3, 2], [1, 0]),
        (0, [-1], []),
        (1, [-1], [0]),
    ],
)
def test_known_ranks(count, top, expected):
    images, rank = images_and_ranks(count, top, [0.9, 0.75, 0.5, 0.25])
    assert images == expected
    assert rank == pytest.approx([(image + 1) / (count + 1) for image in expected] + [0] * (4 - len(expected)))


def test_the_order_of_quantiles_does_not_matter():
    assert images_and_ranks(30, [29], [0.25, 0.9, 0.5]) == images_and_ranks(30, [29], [0.9, 0.5, 0.25])


def test_extreme_quantiles_choose_the_largest_and_smallest_free_member():
    assert images_and_ranks(10, [9], [0.0, 1.0])[0] == [8, 0]
