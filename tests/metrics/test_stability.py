import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from visae._support.errors import VisaeError
from visae.metrics import stability


def directions(count=16, dim=24, seed=0):
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def shuffled(of, seed):
    return of[torch.randperm(len(of), generator=torch.Generator().manual_seed(seed))]


def slowly(dictionaries):
    """All pairs, in NumPy."""
    unit = [of.double().numpy() / np.linalg.norm(of.numpy(), axis=1, keepdims=True) for of in dictionaries]
    tables = [one @ other.T for one, other in itertools.combinations(unit, 2)]
    return np.mean([table[linear_sum_assignment(-table)].mean() for table in tables])


def test_the_same_directions_in_any_order_and_length_are_stable():
    one = directions()
    assert stability([one, shuffled(one, 1) * 3, shuffled(one, 2) * 0.1]) == pytest.approx(1)


def test_random_directions_are_not():
    assert 0 < stability([directions(32, 200, seed) for seed in range(3)]) < 0.3


@pytest.mark.parametrize("runs", [2, 3, 4])
def test_as_in_numpy(runs):
    noisy = [shuffled(directions() + 0.5 * directions(seed=seed + 1), seed) for seed in range(runs)]
    assert stability(noisy) == pytest.approx(slowly(noisy))
    assert 0.3 < stability(noisy) < 0.95


def test_every_pair_counts_the_same():
    one, other = torch.eye(4)[:2], torch.eye(4)[2:]
    # Of three pairs, one agrees.
    assert stability([one, other, one]) == pytest.approx(1 / 3)
    # Half of the directions agree.
    assert stability([one, torch.eye(4)[1:3]]) == pytest.approx(1 / 2)


def test_the_sign_matters_and_a_direction_without_length_agrees_with_none():
    assert stability([torch.eye(1), -torch.eye(1)]) == pytest.approx(-1)
    assert stability([torch.tensor([[1.0, 0], [0, 0]]), torch.tensor([[1.0, 0], [0, 0]])]) == pytest.approx(1 / 2)


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ([], "2 dictionaries or more, and was given 0"),
        ([(3, 4)], "2 dictionaries or more, and was given 1"),
        ([(3, 4), (3, 4), (5, 4)], "dictionary 2 has 5 features in 4 dimensions, dictionary 0 has 3 in 4"),
        ([(3, 4), (3, 6)], "dictionary 1 has 3 features in 6 dimensions, dictionary 0 has 3 in 4"),
    ],
)
def test_what_cannot_be_compared_is_an_error(shapes, said):
    with pytest.raises(VisaeError, match=said):
        stability([torch.ones(shape) for shape in shapes])


def test_blocks_are_the_same_whatever_their_bases():
    source = torch.Generator().manual_seed(0)
    blocks = torch.linalg.qr(torch.randn(6, 12, 3, generator=source)).Q.mT
    turned = torch.linalg.qr(torch.randn(6, 3, 3, generator=source)).Q @ blocks
    order = torch.randperm(6, generator=source)
    one, other = blocks.flatten(0, 1), turned[order].flatten(0, 1)
    assert stability([one, other], 3) == pytest.approx(1)
    assert stability([one, other]) < 0.9
    lines = torch.eye(4)
    assert stability([lines[:2], lines[2:]], 2) == pytest.approx(0)
    assert stability([lines[:2], lines[1:3]], 2) == pytest.approx(0.5**0.5)
