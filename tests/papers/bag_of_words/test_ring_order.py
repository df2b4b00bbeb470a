"""Ten seeds of features on a circle, and of independent ones: is the ring in order?"""

import statistics

import pytest
import torch

from visae._support.seeds import generator
from visae.papers.bag_of_words import Drawn, Fitting, Recipe, fit
from visae.papers.bag_of_words import _rings as rings
from visae.papers.bag_of_words._synthetic import circular, independent

SEEDS = 10
# With weight decay 6 two latents are too few for a ring, and with 1 six are so many that no plane comes first.
CASES = [(2, 1.0), (4, 6.0), (6, 6.0)]


@pytest.fixture(scope="module")
def kept():
    """Neighbours kept, of each case's ten seeds, each of which has bags of its own; all models in one pass."""
    kinds = {"circular": circular(), "independent": independent(circular().mean())}
    drawn = [kind.draw(8000, generator(seed, "rings", name)) for name, kind in kinds.items() for seed in range(SEEDS)]
    models = [
        (name, case, Recipe(*case, seed=seed, bags=place * SEEDS + seed))
        for place, name in enumerate(kinds)
        for case in CASES
        for seed in range(SEEDS)
    ]
    stack = fit([recipe for *_, recipe in models], Drawn(torch.stack(drawn)), Fitting(epochs=50))
    found = {}
    for (name, case, _), weights in zip(models, stack.weights, strict=True):
        points, _ = rings.plane(weights.T)
        found.setdefault((name, *case), []).append(rings.neighbours_kept(rings.order(points)))
    return found


@pytest.mark.parametrize(("latent", "decay"), CASES)
def test_the_ring_of_twelve_is_in_order(kept, latent, decay):
    assert sum(value == 1 for value in kept["circular", latent, decay]) >= 0.9 * SEEDS


def test_independent_features_are_in_no_order(kept):
    """Models of one seed share bags and first weights, so only seeds are independent."""
    of = [kept["independent", *case] for case in CASES]
    assert not any(value == 1 for values in of for value in values)
    seeds = [statistics.mean(values) for values in zip(*of, strict=True)]
    error = statistics.stdev(seeds) / SEEDS**0.5
    assert abs(statistics.mean(seeds) - rings.neighbours_by_chance(12)) < 3 * error
