import math

import numpy as np
import pytest
import torch

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.metrics import correlation_of_covariance
from visae.papers.bag_of_words import circular, independent
from visae.papers.bag_of_words._measures import eigenvalue_shares
from visae.papers.bag_of_words._synthetic import figure_eight, sphere_lattice, spherical


def slow_moments(probability):
    """Mean and covariance over all positions and all 2^n bags, by their probabilities."""
    k, n = probability.shape
    bags = np.array([[(bag >> feature) & 1 for feature in range(n)] for bag in range(2**n)], dtype=float)
    chance = np.zeros(len(bags))
    for row in probability:
        chance += np.prod(np.where(bags == 1, row, 1 - row), axis=1) / k
    mean = chance @ bags
    return mean, (bags * chance[:, None]).T @ bags - np.outer(mean, mean)


@pytest.mark.parametrize(
    "mixture",
    [
        circular(n=6),
        figure_eight(sharpness=3.0, base=-1.0, n=7),
        spherical(n=4),
        independent(torch.tensor([0.1, 0.5, 1.0]).double()),
    ],
)
def test_moments_over_all_possible_bags(mixture):
    mean, covariance = slow_moments(mixture.probability.numpy())
    np.testing.assert_allclose(mixture.mean(), mean, atol=1e-12)
    np.testing.assert_allclose(mixture.covariance(), covariance, atol=1e-12)


def test_circle_of_the_facts():
    """data/facts/papers.md, section 6."""
    circle = circular()
    covariance = circle.covariance()
    assert circle.mean().tolist() == pytest.approx([0.5] * 12)
    assert covariance.trace().item() == pytest.approx(3.0)
    shares = [round(100 * share, 1) for share in eigenvalue_shares(covariance)]
    assert shares[:7] == [39.9, 39.9, 4.1, 4.1, 1.6, 1.6, 1.5]
    correlations = correlation_of_covariance(covariance)[0]
    assert [round(correlations[feature].item(), 2) for feature in (1, 2, 3, 6)] == [0.66, 0.33, 0, -0.82]


def test_wide_circle_of_the_facts():
    circle = circular(sharpness=5.0, base=-2.0)
    assert circle.mean()[0].item() == pytest.approx(0.357, abs=5e-4)
    shares = [round(100 * share, 1) for share in eigenvalue_shares(circle.covariance())]
    assert shares[:4] == [32.6, 32.6, 5.8, 5.8]


@pytest.mark.parametrize(
    ("sharpness", "base", "shares"),
    [(10.0, 0.0, [39.9, 39.9, 4.1, 4.1, 1.6, 1.6]), (5.0, -2.0, [32.6, 32.6, 5.8, 5.8])],
)
def test_drawn_bags_have_the_shares_of_the_facts(sharpness, base, shares):
    """Over as many bags as ten seeds have."""
    drawn = circular(sharpness, base).draw(80_000, generator(0, "draw")).double()
    result = [100 * share for share in eigenvalue_shares(drawn.T.cov())]
    assert result[: len(shares)] == pytest.approx(shares, abs=0.5)


def test_features_at_the_crossing_of_the_figure_eight_are_alike():
    """Points 0 and 6 of twelve both lie at the crossing, where everything is equally far."""
    eight = figure_eight()
    torch.testing.assert_close(eight.probability[:, 0], eight.probability[:, 6])
    assert eight.probability[:, 0].tolist() == pytest.approx([0.5] * 12)


def test_lattice_represents_the_sphere():
    """Against the integral over the whole sphere, from which the paper draws its positions."""
    points = sphere_lattice(500)
    torch.testing.assert_close(points.norm(dim=1), torch.ones(500, dtype=torch.float64))
    heights, weights = np.polynomial.legendre.leggauss(80)
    turns = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    height, turn = (grid.ravel() for grid in np.meshgrid(heights, turns, indexing="ij"))
    around = np.sqrt(1 - height**2)
    everywhere = np.stack([around * np.cos(turn), around * np.sin(turn), height], 1)
    share = np.repeat(weights / 2, 200) / 200
    chance = 1 / (1 + np.exp(-10 * everywhere @ sphere_lattice(12).numpy().T))
    mean = share @ chance
    off = ~np.eye(12, dtype=bool)
    expected = (chance * share[:, None]).T @ chance - np.outer(mean, mean)
    np.testing.assert_allclose(spherical().covariance().numpy()[off], expected[off], atol=3e-4)
    np.testing.assert_allclose(spherical().mean(), mean, atol=3e-4)


def test_draws_have_these_moments_and_repeat():
    mixture = circular()
    drawn = mixture.draw(60_000, generator(0, "draw"))
    assert set(drawn.unique().tolist()) == {0, 1}
    torch.testing.assert_close(drawn.double().T.cov(), mixture.covariance(), atol=0.01, rtol=0)
    torch.testing.assert_close(drawn, mixture.draw(60_000, generator(0, "draw")), rtol=0, atol=0)
    # Bag i is at position i mod 12, where feature i is almost certain.
    assert drawn[torch.arange(12), torch.arange(12)].sum() == 12


def test_feature_of_rate_one_is_always_drawn():
    drawn = independent(torch.tensor([1.0, 0.25], dtype=torch.float64)).draw(4000, generator(1, "draw"))
    assert drawn[:, 0].all()
    assert drawn[:, 1].double().mean().item() == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.01, math.nan])
def test_rates_out_of_range(rate):
    with pytest.raises(VisaeError, match=r"rate of feature 1 is "):
        independent(torch.tensor([0.5, rate], dtype=torch.float64))
