import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from visae._support.errors import VisaeError
from visae.activations import Positions

DRAWS = 4000


def random_maps(images, height=6, width=7, channels=5, seed=0):
    return torch.rand(images, channels, height, width, generator=torch.Generator().manual_seed(seed))


def weighted_map(weights):
    """A map of two channels whose positions have these norms, one row high."""
    norms = torch.tensor(weights, dtype=torch.float32)
    return torch.stack([0.6 * norms, -0.8 * norms])[None, :, None, :]


def set_probabilities(weights, count):
    """Probability of every set of positions, drawn sequentially without replacement: the slow reference."""
    probabilities = dict.fromkeys(itertools.combinations(range(len(weights)), count), 0.0)
    for order in itertools.permutations(range(len(weights)), count):
        probability, left = 1.0, sum(weights)
        for position in order:
            probability, left = probability * weights[position] / left, left - weights[position]
        probabilities[tuple(sorted(order))] += probability
    return probabilities


@pytest.mark.parametrize("policy", ["magnitude", "uniform"])
@pytest.mark.parametrize("border", [0, 1, 2])
def test_positions_are_distinct_and_inside_the_border(policy, border):
    maps = random_maps(3)
    inside = {y * 7 + x for y in range(6) for x in range(7) if border <= y < 6 - border and border <= x < 7 - border}
    for count in range(1, len(inside) + 1):
        chosen = Positions(policy, count, border).choose(maps, [4, 0, 9])
        assert chosen.shape == (3, count)
        for sample in chosen.tolist():
            assert len(set(sample)) == count
            assert set(sample) <= inside


@pytest.mark.parametrize(("border", "expected"), [(0, list(range(12))), (1, [5, 6])])
def test_all_is_every_position_inside_in_row_major_order(border, expected):
    chosen = Positions("all", border=border).choose(random_maps(2, 3, 4), [0, 1])
    assert chosen.tolist() == [expected, expected]
    assert Positions("all", border=border).per_image(3, 4) == len(expected)


TOO_MANY = [
    (Positions("magnitude", 50), "50 positions", "has 42; choose 1 to 42"),
    (Positions("uniform", 21, border=1), "21 positions", "border of 1 has 20"),
    (Positions("uniform", 0), "0 positions", "has 42"),
    (Positions("magnitude", -3), "-3 positions", "has 42"),
    (Positions("magnitude", 1, border=3), "border of 3", "no position"),
    (Positions("all", border=3), "border of 3", "no position of a map of 6x7"),
    (Positions("uniform", 1, border=50), "border of 50", "no position"),
]


@pytest.mark.parametrize(("positions", "requested", "available"), TOO_MANY)
def test_more_positions_than_the_map_has_are_refused(positions, requested, available):
    for attempt in (lambda: positions.per_image(6, 7), lambda: positions.choose(random_maps(1), [0])):
        with pytest.raises(VisaeError) as error:
            attempt()
        assert requested in str(error.value)
        assert available in str(error.value)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("policy", "magnitud", "no policy named 'magnitud'; the nearest are magnitude"),
        ("border", -1, "the border is -1 positions"),
    ],
)
def test_invalid_settings_are_refused(setting, value, message):
    positions = Positions()
    # Bypasses the type checker, which is active in tests only.
    object.__setattr__(positions, setting, value)
    with pytest.raises(VisaeError, match=message):
        positions.__post_init__()


@pytest.mark.parametrize(
    ("policy", "weights"),
    [
        ("magnitude", [1.0, 2.0, 3.0, 4.0]),
        ("magnitude", [0.01, 0.05, 1.0, 0.5, 0.3]),
        ("magnitude", [100.0, 30.0, 500.0]),
        ("uniform", [1.0, 2.0, 30.0, 0.0]),
    ],
)
def test_one_sample_is_proportional_to_the_norm(policy, weights):
    maps = weighted_map(weights).expand(DRAWS, -1, -1, -1)
    counts = np.bincount(Positions(policy, 1).choose(maps, range(DRAWS)).flatten(), minlength=len(weights))
    rates = np.array(weights if policy == "magnitude" else [1.0] * len(weights))
    assert chisquare(counts, DRAWS * rates / rates.sum()).pvalue > 1e-3


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("weights", [[1.0, 2.0, 3.0, 6.0, 0.5], [5.0, 5.0, 1.0, 1.0]])
def test_several_samples_are_sequential_draws(weights, count):
    chosen = Positions("magnitude", count).choose(weighted_map(weights).expand(DRAWS, -1, -1, -1), range(DRAWS))
    sets = [tuple(sorted(sample)) for sample in chosen.tolist()]
    probabilities = set_probabilities(weights, count)
    assert math.isclose(sum(probabilities.values()), 1)
    expected = [DRAWS * probability for probability in probabilities.values()]
    assert chisquare([sets.count(positions) for positions in probabilities], expected).pvalue > 1e-3


def test_silent_positions_come_last_and_silent_images_are_sampled_uniformly():
    weights = [0.0, 3.0, 0.0, 1e-3, 0.0]
    chosen = Positions("magnitude", 3).choose(weighted_map(weights).expand(500, -1, -1, -1), range(500))
    assert all({1, 3} < set(sample) for sample in chosen.tolist())
    silent = Positions("magnitude", 1).choose(torch.zeros(DRAWS, 3, 1, 5), range(DRAWS))
    assert chisquare(np.bincount(silent.flatten(), minlength=5)).pvalue > 1e-3


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_non_finite_values_are_sampled_so_that_the_store_refuses_them(value):
    maps = random_maps(50)
    maps[:, 2, 3, 4] = value
    assert (Positions("magnitude", 1).choose(maps, range(50)) == 3 * 7 + 4).all()


@pytest.mark.parametrize("policy", ["magnitude", "uniform"])
def test_an_images_positions_do_not_depend_on_its_batch(policy):
    maps, positions = random_maps(8), Positions(policy, 5, border=1, seed=3)
    together = positions.choose(maps, range(8))
    for start, end in [(0, 1), (2, 5), (7, 8)]:
        assert torch.equal(positions.choose(maps[start:end], range(start, end)), together[start:end])
    backwards = positions.choose(maps.flip(0), list(reversed(range(8))))
    assert torch.equal(backwards.flip(0), together)


@pytest.mark.parametrize("policy", ["magnitude", "uniform"])
def test_positions_depend_on_the_seed_and_the_image_only(policy):
    maps = random_maps(1).expand(6, -1, -1, -1)
    first = Positions(policy, 8, seed=1).choose(maps, range(6))
    torch.manual_seed(99)
    assert torch.equal(Positions(policy, 8, seed=1).choose(maps, range(6)), first)
    assert not torch.equal(Positions(policy, 8, seed=2).choose(maps, range(6)), first)
    assert len({tuple(sorted(sample)) for sample in first.tolist()}) == 6


def test_the_layout_in_memory_does_not_matter():
    maps = random_maps(4, channels=16)
    positions = Positions("magnitude", 10)
    last = maps.contiguous(memory_format=torch.channels_last)
    assert torch.equal(positions.choose(last, range(4)), positions.choose(maps, range(4)))
