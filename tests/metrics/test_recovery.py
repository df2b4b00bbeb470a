import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from constructed_saes import ConstructedSAE

from visae._support.errors import VisaeError
from visae.metrics import detection, match, planted_rows, recovery
from visae.metrics._recovery import readout
from visae.networks import Network


def directions(count, dim=24, seed=0):
    return F.normalize(torch.randn(count, dim, generator=torch.Generator().manual_seed(seed)), dim=1)


def brute_force(dictionary, truth):
    """Try all one-to-one matchings."""
    unit = [np.array(rows, dtype=float) / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (truth, dictionary)]
    cosines = unit[0] @ unit[1].T
    small, large = sorted(cosines.shape)
    matchings = itertools.permutations(range(large), small)
    table = cosines if cosines.shape[0] == small else cosines.T
    best = max(([table[row, column] for row, column in enumerate(matching)] for matching in matchings), key=sum)
    return sum(cosine >= 0.9 for cosine in best) / len(truth), sum(best) / len(truth)


def test_the_truth_is_recovered_in_any_order_and_length():
    truth = directions(16)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(3))
    lengths = torch.linspace(0.01, 30, 16)[:, None]
    scores = recovery(truth[order] * lengths, truth * 7)
    assert scores.matched_fraction == 1
    assert scores.mean_cosine == pytest.approx(1)
    among_others = torch.cat([directions(40, seed=5), truth[order]])
    assert recovery(among_others, truth).matched_fraction == 1


def test_random_directions_recover_nothing():
    scores = recovery(directions(32, 200, seed=1), directions(32, 200, seed=2))
    assert scores.matched_fraction == 0
    assert 0 < scores.mean_cosine < 0.3


def test_unmatched_truths_count_as_not_recovered():
    truth = directions(10)
    scores = recovery(truth[:4], truth)
    assert scores.matched_fraction == pytest.approx(0.4)
    assert scores.mean_cosine == pytest.approx(0.4)


def test_the_sign_matters():
    truth = torch.eye(5)
    scores = recovery(-truth, truth)
    assert scores.matched_fraction == 0
    assert scores.mean_cosine == pytest.approx(0), (
        "each truth is matched to the opposite of another, which is orthogonal"
    )
    assert recovery(-truth[:1], truth[:1]).mean_cosine == pytest.approx(-1)


@pytest.mark.parametrize(("cosine", "matched"), [(0.9001, 1), (0.8999, 0)])
def test_a_match_needs_a_cosine_of_nine_tenths(cosine, matched):
    tilted = torch.tensor([[cosine, (1 - cosine**2) ** 0.5]])
    assert recovery(tilted, torch.tensor([[1.0, 0.0]])).matched_fraction == matched


def test_one_direction_recovers_one_truth():
    truth = F.normalize(torch.tensor([[1.0, 0.1, 0], [1.0, -0.1, 0], [1.0, 0, 0.1]]), dim=1)
    assert recovery(torch.tensor([[1.0, 0, 0]]), truth).matched_fraction == pytest.approx(1 / 3)


def test_the_matching_is_optimal_not_greedy():
    """Two truths, two directions: a greedy matching takes 0.97 first, and is left with a pair at 0.6."""
    gram = np.array([[1, 0.82, 0.97, 0.92], [0.82, 1, 0.93, 0.6], [0.97, 0.93, 1, 0.83], [0.92, 0.6, 0.83, 1]])
    vectors = torch.from_numpy(np.linalg.cholesky(gram))
    scores = recovery(vectors[2:], vectors[:2])
    assert scores.matched_fraction == 1
    assert scores.mean_cosine == pytest.approx((0.92 + 0.93) / 2)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("features", "truths"), [(5, 5), (6, 3), (3, 6), (1, 4), (4, 1)])
def test_recovery_equals_brute_force(features, truths, seed):
    truth = directions(truths, 3, seed)
    noisy = truth.repeat(4, 1)[:features] + 0.4 * directions(features, 3, seed + 100)
    result = recovery(noisy, truth)
    matched, mean = brute_force(noisy.numpy(), truth.numpy())
    assert result.matched_fraction == pytest.approx(matched)
    assert result.mean_cosine == pytest.approx(mean, abs=1e-6)


def spanned(angles, dim=24):
    """Blocks of two orthonormal rows that span orthogonal planes, and coordinates in a plane at the given angles."""
    blocks = torch.linalg.qr(torch.randn(dim, dim, generator=torch.Generator().manual_seed(4))).Q
    radians = torch.tensor(angles).deg2rad()
    return blocks, torch.stack([radians.cos(), radians.sin()], 1)


def test_a_block_recovers_at_most_as_many_truths_as_it_has_dimensions():
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


def test_random_blocks_recover_nothing():
    blocks = torch.linalg.qr(torch.randn(32, 48, 4, generator=torch.Generator().manual_seed(0))).Q.mT.flatten(0, 1)
    assert recovery(blocks, directions(70, 48), 4).matched_fraction == 0


def identity_sae(directions):
    """An SAE that reads each dimension as a feature, with the given directions."""
    return ConstructedSAE(directions.shape[1], lambda x: x[..., : len(directions)], lambda f: f, directions)


class BlockedSAE(ConstructedSAE):
    block_size = 2


def column(*values):
    return torch.tensor(values).float()[:, None]


# Values of the matched and of the planted feature in six rows, and F1 by hand: 2 hits / (fires + fires planted).
COUNTS = [
    ([1, 1, 0, 0, 2, 0], [1, 1, 0, 0, 3, 0], 1),
    ([1, 1, 0, 0, 0, 0], [1, 0, 1, 1, 0, 0], 2 / 5),
    ([0, 0, 0, 0, 0, 0], [1, 0, 1, 1, 0, 0], 0),
    ([-1, 1, -2, 0, 0, 0], [1, 1, 1, 0, 0, 0], 1 / 2),
    ([1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1], 2 / 7),
    ([1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], math.nan),
]


@pytest.mark.parametrize("sizes", [[6], [1, 5], [2, 2, 2]])
@pytest.mark.parametrize(("values", "planted", "f1"), COUNTS)
def test_f1_by_hand(values, planted, f1, sizes):
    pairs = zip(column(*values).split(sizes), column(*planted).split(sizes), strict=True)
    result = detection(identity_sae(torch.ones(1, 1)), torch.ones(1, 1), pairs)
    assert result.f1.tolist() == pytest.approx([f1], nan_ok=True)
    assert result.mean_f1 == pytest.approx(f1, nan_ok=True)


def test_features_are_scored_against_their_match():
    dictionary = torch.tensor([[0.0, 1, 0], [1, 0, 0]])
    x = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 0]])
    # The first truth matches the second feature, the second truth the first; the third has no match.
    truth = torch.tensor([[0.0, 1, 1], [0, 1, 0], [1, 0, 0], [1, 0, 0]])
    result = detection(identity_sae(dictionary), torch.eye(3), [(x, truth)])
    assert result.f1.tolist() == pytest.approx([2 / 3, 1, 0])
    assert result.mean_f1 == pytest.approx(5 / 9)


def test_a_block_is_read_along_the_planted_direction():
    """A block of the first two dimensions, and a truth within it at 45 degrees to both."""
    sae = BlockedSAE(4, lambda x: x, lambda f: f, torch.eye(4))
    truth = torch.tensor([[1.0, 1, 0, 0]])
    x = torch.tensor([[2.0, -1, 0, 0], [-2, 1, 0, 0], [0, 0, 5, 0], [0, 3, -9, 0]])
    result = detection(sae, truth, [(x, column(1, 0, 1, 1))])
    assert result.f1.tolist() == pytest.approx([2 * 2 / (2 + 3)])
    assert readout(truth, torch.eye(4), 2).tolist() == [pytest.approx([0.5**0.5, 0.5**0.5, 0, 0])]


def test_a_truth_that_never_fires_is_excluded():
    x = torch.tensor([[1.0, 1], [0, 1]])
    result = detection(identity_sae(torch.eye(2)), torch.eye(2), [(x, torch.tensor([[1.0, 0], [0, 0]]))])
    assert result.f1.tolist() == pytest.approx([1, math.nan], nan_ok=True)
    assert result.mean_f1 == 1
    nothing = detection(identity_sae(torch.eye(2)), torch.eye(2), [(x, torch.zeros(2, 2))])
    assert math.isnan(nothing.mean_f1)


def slow_f1(sae, directions, x, truth):
    """F1 from precision and recall, in NumPy, pair by pair."""
    fires, planted = sae.encode(x).numpy() > 0, truth.numpy() > 0
    scores = [0.0] * len(directions)
    for row, unit, _ in zip(*match(directions, sae.directions), strict=True):
        hits = np.sum(fires[:, unit] & planted[:, row])
        precision, recall = hits / fires[:, unit].sum(), hits / planted[:, row].sum()
        scores[row] = 2 * precision * recall / (precision + recall)
    return scores


@pytest.mark.parametrize(("features", "truths"), [(6, 6), (9, 5), (4, 7)])
def test_detection_equals_the_slow_reference(features, truths):
    source = torch.Generator().manual_seed(features)
    directions, dictionary = (torch.randn(count, 10, generator=source) for count in (truths, features))
    x, truth = (torch.randn(200, count, generator=source) for count in (10, truths))
    expected = slow_f1(identity_sae(dictionary), directions, x, truth)
    result = detection(identity_sae(dictionary), directions, zip(x.split(60), truth.split(60), strict=True))
    assert result.f1.tolist() == pytest.approx(expected)
    assert result.mean_f1 == pytest.approx(np.mean(expected))


def test_planted_rows_are_the_maps_at_all_positions(planted):
    images = torch.rand(3, 3, 40, 56, generator=torch.Generator().manual_seed(0))
    pairs = list(planted_rows(planted, images.split(2)))
    maps = planted.maps(images, ["mixed", "truth"])
    b, f, h, w = maps["truth"].shape
    x, truth = (torch.cat(part) for part in zip(*pairs, strict=True))
    assert [len(batch) for batch, _ in pairs] == [2 * h * w, h * w]
    assert truth.shape == (b * h * w, f)
    row = (1 * h + 3) * w + 5  # image 1, y 3, x 5
    torch.testing.assert_close(x[row], maps["mixed"][1, :, 3, 5])
    torch.testing.assert_close(truth[row], maps["truth"][1, :, 3, 5])
    torch.testing.assert_close(x, truth @ planted.truth.directions)


def test_the_truth_detects_itself(planted):
    images = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    directions = torch.eye(len(planted.truth.features))
    pairs = [(truth, truth) for _, truth in planted_rows(planted, [images])]
    assert detection(identity_sae(directions), directions, pairs).mean_f1 == 1


def test_planted_rows_need_a_planted_network():
    network = Network.from_module(torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3)), size=16)
    with pytest.raises(VisaeError, match="module has no planted features"):
        next(planted_rows(network, [torch.rand(1, 3, 16, 16)]))
