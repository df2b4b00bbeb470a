import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from visae.metrics import recovery


def directions(count, dim=24, seed=0):
    return F.normalize(torch.randn(count, dim, generator=torch.Generator().manual_seed(seed)), dim=1)


def slowly(found, truth):
    """The best of all one-to-one matchings."""
    unit = [np.array(of, dtype=float) / np.linalg.norm(of, axis=1, keepdims=True) for of in (truth, found)]
    cosines = unit[0] @ unit[1].T
    small, large = sorted(cosines.shape)
    matchings = itertools.permutations(range(large), small)
    table = cosines if cosines.shape[0] == small else cosines.T
    best = max(([table[row, place] for row, place in enumerate(matching)] for matching in matchings), key=sum)
    return sum(cosine >= 0.9 for cosine in best) / len(truth), sum(best) / len(truth)


def test_the_truth_in_any_order_and_length_is_found():
    truth = directions(16)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(3))
    lengths = torch.linspace(0.01, 30, 16)[:, None]
    found = recovery(truth[order] * lengths, truth * 7)
    assert found.matched_fraction == 1
    assert found.mean_cosine == pytest.approx(1)
    among_others = torch.cat([directions(40, seed=5), truth[order]])
    assert recovery(among_others, truth).matched_fraction == 1


def test_what_is_random_finds_nothing():
    found = recovery(directions(32, 200, seed=1), directions(32, 200, seed=2))
    assert found.matched_fraction == 0
    assert 0 < found.mean_cosine < 0.3


def test_truths_left_over_count_as_not_found():
    truth = directions(10)
    found = recovery(truth[:4], truth)
    assert found.matched_fraction == pytest.approx(0.4)
    assert found.mean_cosine == pytest.approx(0.4)


def test_the_sign_matters():
    truth = torch.eye(5)
    found = recovery(-truth, truth)
    assert found.matched_fraction == 0
    assert found.mean_cosine == pytest.approx(0), "each truth goes to another's opposite, which is at a right angle"
    assert recovery(-truth[:1], truth[:1]).mean_cosine == pytest.approx(-1)


@pytest.mark.parametrize(("cosine", "matched"), [(0.9001, 1), (0.8999, 0)])
def test_matched_is_a_cosine_of_nine_tenths(cosine, matched):
    found = torch.tensor([[cosine, (1 - cosine**2) ** 0.5]])
    assert recovery(found, torch.tensor([[1.0, 0.0]])).matched_fraction == matched


def test_one_direction_finds_one_truth():
    truth = F.normalize(torch.tensor([[1.0, 0.1, 0], [1.0, -0.1, 0], [1.0, 0, 0.1]]), dim=1)
    assert recovery(torch.tensor([[1.0, 0, 0]]), truth).matched_fraction == pytest.approx(1 / 3)


def test_the_best_matching_is_not_the_greedy_one():
    """Two truths, two directions: taking the best pair first (0.97) would leave the other pair at 0.6."""
    gram = np.array([[1, 0.82, 0.97, 0.92], [0.82, 1, 0.93, 0.6], [0.97, 0.93, 1, 0.83], [0.92, 0.6, 0.83, 1]])
    vectors = torch.from_numpy(np.linalg.cholesky(gram))
    found = recovery(vectors[2:], vectors[:2])
    assert found.matched_fraction == 1
    assert found.mean_cosine == pytest.approx((0.92 + 0.93) / 2)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("found", "truths"), [(5, 5), (6, 3), (3, 6), (1, 4), (4, 1)])
def test_as_by_trying_all_matchings(found, truths, seed):
    truth = directions(truths, 3, seed)
    noisy = truth.repeat(4, 1)[:found] + 0.4 * directions(found, 3, seed + 100)
    result = recovery(noisy, truth)
    matched, mean = slowly(noisy.numpy(), truth.numpy())
    assert result.matched_fraction == pytest.approx(matched)
    assert result.mean_cosine == pytest.approx(mean, abs=1e-6)


def spanned(angles, dim=24):
    """Blocks of two orthonormal rows in planes of their own, and directions in those planes at given angles."""
    blocks = torch.linalg.qr(torch.randn(dim, dim, generator=torch.Generator().manual_seed(4))).Q
    places = torch.tensor(angles).deg2rad()
    return blocks, torch.stack([places.cos(), places.sin()], 1)


def test_what_a_block_spans_is_found_and_no_more_often_than_it_has_dimensions():
    blocks, within = spanned([0.0, 75.0, 150.0])
    truth = within @ blocks[:2]
    assert recovery(blocks, truth[:2], 2).matched_fraction == 1
    assert recovery(blocks, truth[:2], 2).mean_cosine == pytest.approx(1)
    assert recovery(blocks, truth, 2).matched_fraction == pytest.approx(2 / 3)
    assert recovery(blocks[2:], truth, 2).matched_fraction == 0
    assert recovery(-3 * blocks, -truth[:2], 2).matched_fraction == 1, "a subspace has no sign and no length"


def test_the_cosine_with_a_block_is_that_with_the_projection():
    blocks, _ = spanned([0.0])
    truth = (0.8 * blocks[0] + 0.6 * blocks[7])[None]
    assert recovery(blocks[:2], truth, 2).mean_cosine == pytest.approx(0.8)
    assert recovery(blocks[:2], truth).mean_cosine == pytest.approx(0.8)


def test_random_blocks_find_nothing():
    blocks = torch.linalg.qr(torch.randn(32, 48, 4, generator=torch.Generator().manual_seed(0))).Q.mT.flatten(0, 1)
    assert recovery(blocks, directions(70, 48), 4).matched_fraction == 0
