import numpy as np
import pytest
import torch

from visae.examples import DatasetExamples, Examples
from visae.examples._lowest import Lowest
from visae.examples._quantiles import at_quantiles
from visae.networks import Layer


def members_of(values):
    """A reservoir of one unit with these values, each of the image of its number, in a shuffled order."""
    count = len(values)
    kept = Lowest(1, 64)
    keys = torch.rand(1, count, dtype=torch.float64, generator=torch.Generator().manual_seed(count))
    kept.take(keys, torch.tensor([values]), torch.arange(count), torch.zeros(1, count, dtype=torch.int64))
    return kept


def ranks(count, top, quantiles):
    """The images and ranks at quantiles of a unit that has the value i + 1 in image i."""
    kept = members_of([float(index + 1) for index in range(count)])
    chosen, rank = at_quantiles(kept, torch.tensor([top]), quantiles)
    images = [kept.image[0, place].item() for place in chosen[0].tolist() if place >= 0]
    return images, rank[0].tolist()


@pytest.mark.parametrize(
    ("count", "top", "images"),
    [
        (9, [8], [7, 6, 4, 1]),  # the member at 0.9 is among the top: the next below it; of two as near, the lower
        (19, [18, 17], [16, 14, 9, 4]),
        (4, [3, 2, 1, 0], []),
        (4, [3, 2], [1, 0]),
        (0, [-1], []),
        (1, [-1], [0]),
    ],
)
def test_known_ranks(count, top, images):
    found, rank = ranks(count, top, [0.9, 0.75, 0.5, 0.25])
    assert found == images
    assert rank == pytest.approx([(image + 1) / (count + 1) for image in images] + [0] * (4 - len(images)))


def test_the_order_of_the_quantiles_does_not_matter():
    assert ranks(30, [29], [0.25, 0.9, 0.5]) == ranks(30, [29], [0.9, 0.5, 0.25])


def test_the_extremes_are_the_largest_and_the_smallest_that_are_free():
    assert ranks(10, [9], [0.0, 1.0])[0] == [8, 0]


def test_the_standard_error_is_that_of_drawing_again_and_again():
    source = np.random.default_rng(0)
    n, of, j = 16, 100, 12
    true = [np.sort(source.permutation(of)[:n])[j - 1] + 1 for _ in range(20_000)]
    nothing, layer = torch.zeros(1, 1), Layer("made", 1, 1, 1, 0.0)
    empty = Examples(layer, nothing, *(nothing.long() for _ in range(3)))
    rank = torch.tensor([[j / (n + 1)]])
    found = DatasetExamples(empty, empty, rank, torch.tensor([n]), torch.tensor([of]), of, 0)
    assert np.mean(true) / (of + 1) == pytest.approx(rank.item(), rel=0.01)
    assert np.std(true) / (of + 1) == pytest.approx(found.rank_error().item(), rel=0.03)
    whole = DatasetExamples(empty, empty, rank, torch.tensor([n]), torch.tensor([n]), of, 0)
    assert whole.rank_error().item() == 0
