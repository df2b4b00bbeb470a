import math

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from visae._support.errors import VisaeError
from visae.metrics import matched_cosines, single_neurons, stability, stability_by_chance


def directions(count=8, dim=5, seed=0):
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def slow_cosines(dictionaries):
    """Every ordered pair, in NumPy: the cosine of each feature of the first with its partner in the second."""
    exact = [rows.double().numpy() for rows in dictionaries]
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in exact]
    cosines = []
    for i, first in enumerate(unit):
        tables = [first @ second.T for j, second in enumerate(unit) if j != i]
        cosines.append([table[linear_sum_assignment(-table)] for table in tables])
    return np.array(cosines)


@pytest.mark.parametrize("runs", [2, 3, 4])
def test_cosines_equal_the_slow_reference_and_their_mean_is_the_stability(runs):
    dictionaries = [directions(seed=seed) for seed in range(runs)]
    matched = matched_cosines(dictionaries)
    np.testing.assert_allclose(matched.cosines.numpy(), slow_cosines(dictionaries))
    assert matched.mean() == pytest.approx(stability(dictionaries))
    assert matched.quantiles([0, 0.3, 0.5, 1]) == pytest.approx(np.quantile(matched.cosines, [0, 0.3, 0.5, 1]))


def test_a_subset_is_looked_at_after_all_are_matched():
    first = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    second = torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 1, 1]])
    matched = matched_cosines([first, second])
    assert matched.cosines[:, 0].tolist() == [pytest.approx([1, 1, 0.5**0.5])] * 2
    subset = torch.tensor([[True, False, False], [False, False, True]])
    assert matched.mean(subset) == pytest.approx((1 + 0.5**0.5) / 2)
    assert matched.quantiles([0, 1], subset) == pytest.approx([0.5**0.5, 1])
    assert math.isnan(matched.mean(torch.zeros(2, 3, dtype=torch.bool)))
    assert math.isnan(matched.quantiles([0.5], torch.zeros(2, 3, dtype=torch.bool))[0])


def test_blocks_have_the_similarity_of_their_subspaces():
    dictionaries = [torch.eye(4), torch.eye(4)[[3, 2, 0, 1]]]
    assert matched_cosines(dictionaries, 2).cosines.tolist() == [[pytest.approx([1] * 4)]] * 2
    lines = [torch.linalg.qr(directions(4, 4, seed)).Q for seed in (0, 1)]
    assert matched_cosines(lines, 2).mean() == pytest.approx(stability(lines, 2))


def test_dictionaries_of_other_shapes_are_refused():
    with pytest.raises(VisaeError, match="2 or more"):
        matched_cosines([directions()])
    with pytest.raises(VisaeError, match="one shape"):
        matched_cosines([directions(), directions(7)])


def test_chance_is_the_stability_of_random_directions():
    unrelated = stability([directions(64, 16, seed) for seed in range(5)])
    assert stability_by_chance(64, 16) == pytest.approx(unrelated, abs=0.01)
    assert stability_by_chance(64, 16) == stability_by_chance(64, 16)
    assert stability_by_chance(16, 64) < stability_by_chance(64, 64) < stability_by_chance(64, 4)
    blocks = torch.linalg.qr(torch.randn(4, 8, 2, generator=torch.Generator().manual_seed(0))).Q.mT.flatten(0, 1)
    assert 0 < stability_by_chance(8, 8, 2) <= matched_cosines([blocks, blocks], 2).mean()


def test_features_that_are_neurons_over_again():
    rows = torch.tensor([[5.0, 0.0], [-0.1, 0.0], [1.0, 1.0], [0.9, 0.1], [0.0, 0.0]])
    assert single_neurons(rows).tolist() == [True, True, False, True, False]
    assert single_neurons(rows, 0.7).tolist() == [True, True, True, True, False]
