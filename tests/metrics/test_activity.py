import math

import numpy as np
import pytest
import torch
from made import Made

from visae._support.errors import VisaeError
from visae.metrics import activity, match, planted_rows
from visae.metrics._matching import readout
from visae.networks import Network
from visae.networks.planted import PlantedNetwork


def reading(directions):
    """Features fire as the rows say: each dimension is a feature, with the direction that is given."""
    return Made(directions.shape[1], lambda x: x[..., : len(directions)], lambda f: f, directions)


class InBlocks(Made):
    block = 2


def column(*values):
    return torch.tensor(values).float()[:, None]


# What is found, what is planted, in six rows, and F1 by hand: 2 hits / (fires found + fires planted).
COUNTS = [
    ([1, 1, 0, 0, 2, 0], [1, 1, 0, 0, 3, 0], 1),
    ([1, 1, 0, 0, 0, 0], [1, 0, 1, 1, 0, 0], 2 / 5),
    ([0, 0, 0, 0, 0, 0], [1, 0, 1, 1, 0, 0], 0),
    ([-1, 1, -2, 0, 0, 0], [1, 1, 1, 0, 0, 0], 1 / 2),
    ([1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1], 2 / 7),
    ([1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], math.nan),
]


@pytest.mark.parametrize("sizes", [[6], [1, 5], [2, 2, 2]])
@pytest.mark.parametrize(("found", "planted", "f1"), COUNTS)
def test_f1_by_hand(found, planted, f1, sizes):
    pairs = zip(column(*found).split(sizes), column(*planted).split(sizes), strict=True)
    result = activity(reading(torch.ones(1, 1)), torch.ones(1, 1), pairs)
    assert result.f1.tolist() == pytest.approx([f1], nan_ok=True)
    assert result.mean_f1 == pytest.approx(f1, nan_ok=True)


def test_pairs_are_those_of_the_matching():
    found = torch.tensor([[0.0, 1, 0], [1, 0, 0]])
    x = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 0]])
    # The second truth is the first feature, the first truth the second feature; the third is left over.
    truth = torch.tensor([[0.0, 1, 1], [0, 1, 0], [1, 0, 0], [1, 0, 0]])
    result = activity(reading(found), torch.eye(3), [(x, truth)])
    assert result.f1.tolist() == pytest.approx([2 / 3, 1, 0])
    assert result.mean_f1 == pytest.approx(5 / 9)


def test_of_a_block_the_part_along_the_truth_is_read():
    """A block of the first two dimensions; the truth lies across it, 45 degrees from both."""
    sae = InBlocks(4, lambda x: x, lambda f: f, torch.eye(4))
    truth = torch.tensor([[1.0, 1, 0, 0]])
    x = torch.tensor([[2.0, -1, 0, 0], [-2, 1, 0, 0], [0, 0, 5, 0], [0, 3, -9, 0]])
    found = activity(sae, truth, [(x, column(1, 0, 1, 1))])
    assert found.f1.tolist() == pytest.approx([2 * 2 / (2 + 3)])
    assert readout(truth, torch.eye(4), 2).tolist() == [pytest.approx([0.5**0.5, 0.5**0.5, 0, 0])]


def test_a_truth_that_never_fires_does_not_count():
    x = torch.tensor([[1.0, 1], [0, 1]])
    result = activity(reading(torch.eye(2)), torch.eye(2), [(x, torch.tensor([[1.0, 0], [0, 0]]))])
    assert result.f1.tolist() == pytest.approx([1, math.nan], nan_ok=True)
    assert result.mean_f1 == 1
    nothing = activity(reading(torch.eye(2)), torch.eye(2), [(x, torch.zeros(2, 2))])
    assert math.isnan(nothing.mean_f1)


def slowly(sae, directions, x, truth):
    """Precision and recall, in NumPy, pair by pair."""
    found, planted = sae.encode(x).numpy() > 0, truth.numpy() > 0
    scores = [0.0] * len(directions)
    for row, place, _ in zip(*match(directions, sae.directions), strict=True):
        hits = np.sum(found[:, place] & planted[:, row])
        precision, recall = hits / found[:, place].sum(), hits / planted[:, row].sum()
        scores[row] = 2 * precision * recall / (precision + recall)
    return scores


@pytest.mark.parametrize(("features", "truths"), [(6, 6), (9, 5), (4, 7)])
def test_as_in_numpy(features, truths):
    source = torch.Generator().manual_seed(features)
    directions, mine = (torch.randn(count, 10, generator=source) for count in (truths, features))
    x, truth = (torch.randn(200, count, generator=source) for count in (10, truths))
    expected = slowly(reading(mine), directions, x, truth)
    result = activity(reading(mine), directions, zip(x.split(60), truth.split(60), strict=True))
    assert result.f1.tolist() == pytest.approx(expected)
    assert result.mean_f1 == pytest.approx(np.mean(expected))


def test_rows_of_the_planted_network_are_those_of_its_maps():
    network = Network("planted", PlantedNetwork(), "")
    images = torch.rand(3, 3, 40, 56, generator=torch.Generator().manual_seed(0))
    pairs = list(planted_rows(network, images.split(2)))
    maps = network.maps(images, ["mixed", "truth"])
    b, f, h, w = maps["truth"].shape
    x, truth = (torch.cat(part) for part in zip(*pairs, strict=True))
    assert [len(rows) for rows, _ in pairs] == [2 * h * w, h * w]
    assert truth.shape == (b * h * w, f)
    place = (1 * h + 3) * w + 5  # image 1, y 3, x 5
    torch.testing.assert_close(x[place], maps["mixed"][1, :, 3, 5])
    torch.testing.assert_close(truth[place], maps["truth"][1, :, 3, 5])
    torch.testing.assert_close(x, truth @ network.truth.directions)


def test_the_truth_itself_scores_one():
    network = Network("planted", PlantedNetwork(), "")
    images = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    directions = torch.eye(len(network.truth.features))
    pairs = [(truth, truth) for _, truth in planted_rows(network, [images])]
    assert activity(reading(directions), directions, pairs).mean_f1 == 1


def test_a_network_without_a_truth_is_an_error():
    network = Network.from_module(torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3)), size=16)
    with pytest.raises(VisaeError, match="nothing is planted in module"):
        next(planted_rows(network, [torch.rand(1, 3, 16, 16)]))
