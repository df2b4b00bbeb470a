import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from visae._support.errors import VisaeError
from visae.metrics import match, stability


def directions(count, dim=5, seed=0):
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def cosine_table(first, second):
    unit = [rows.double().numpy() / np.linalg.norm(rows.numpy(), axis=1, keepdims=True) for rows in (first, second)]
    return unit[0] @ unit[1].T


def best_sum(table):
    """The largest sum over all matchings, by brute force."""
    table = table if table.shape[0] <= table.shape[1] else table.T
    matchings = itertools.permutations(range(table.shape[1]), table.shape[0])
    return max(sum(table[row, column] for row, column in enumerate(matching)) for matching in matchings)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("a", "b"), [(5, 5), (3, 6), (6, 3), (1, 4), (4, 1)])
def test_pairs_are_one_to_one_with_the_largest_sum(a, b, seed):
    first, second = directions(a, seed=seed), directions(b, seed=seed + 50)
    rows, columns, cosines = match(first, second)
    assert len(rows) == len(columns) == len(cosines) == min(a, b)
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert len(set(columns.tolist())) == len(columns)
    table = cosine_table(first, second)
    assert cosines.tolist() == pytest.approx([table[pair] for pair in zip(rows, columns, strict=True)])
    assert cosines.sum().item() == pytest.approx(best_sum(table))
    assert cosines.dtype == torch.float64


def test_a_permutation_is_recovered_whatever_the_lengths():
    first = directions(12)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(3))
    rows, columns, cosines = match(first, first[order] * torch.linspace(0.01, 30, 12)[:, None])
    assert order[columns].tolist() == rows.tolist()
    assert cosines.tolist() == pytest.approx([1] * 12)


def test_a_zero_direction_has_a_cosine_of_zero():
    rows, columns, cosines = match(torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.eye(2))
    assert (rows.tolist(), columns.tolist(), cosines.tolist()) == ([0, 1], [1, 0], [0, 1])


def test_parameters_with_gradients_are_accepted():
    assert match(torch.nn.Parameter(torch.eye(3)), torch.eye(3))[2].tolist() == [1, 1, 1]


def shuffled(rows, seed):
    return rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))]


def slow_stability(dictionaries):
    """Over all pairs, in NumPy."""
    tables = [cosine_table(first, second) for first, second in itertools.combinations(dictionaries, 2)]
    return np.mean([table[linear_sum_assignment(-table)].mean() for table in tables])


def test_the_same_directions_in_any_order_and_length_are_stable():
    rows = directions(16, 24)
    assert stability([rows, shuffled(rows, 1) * 3, shuffled(rows, 2) * 0.1]) == pytest.approx(1)


def test_random_directions_are_not_stable():
    assert 0 < stability([directions(32, 200, seed) for seed in range(3)]) < 0.3


@pytest.mark.parametrize("runs", [2, 3, 4])
def test_stability_equals_the_slow_reference(runs):
    noisy = [shuffled(directions(16, 24) + 0.5 * directions(16, 24, seed + 1), seed) for seed in range(runs)]
    assert stability(noisy) == pytest.approx(slow_stability(noisy))
    assert 0.3 < stability(noisy) < 0.95


def test_every_pair_has_the_same_weight():
    first, second = torch.eye(4)[:2], torch.eye(4)[2:]
    # One of the three pairs agrees.
    assert stability([first, second, first]) == pytest.approx(1 / 3)
    # Half of the directions agree.
    assert stability([first, torch.eye(4)[1:3]]) == pytest.approx(1 / 2)


def test_the_sign_matters_and_zero_directions_agree_with_none():
    assert stability([torch.eye(1), -torch.eye(1)]) == pytest.approx(-1)
    assert stability([torch.tensor([[1.0, 0], [0, 0]]), torch.tensor([[1.0, 0], [0, 0]])]) == pytest.approx(1 / 2)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([], "2 or more dictionaries, but was given 0"),
        ([(3, 4)], "2 or more dictionaries, but was given 1"),
        ([(3, 4), (3, 4), (5, 4)], "dictionary 2 has 5 features in 4 dimensions, dictionary 0 has 3 in 4"),
        ([(3, 4), (3, 6)], "dictionary 1 has 3 features in 6 dimensions, dictionary 0 has 3 in 4"),
    ],
)
def test_shapes_must_match(shapes, message):
    with pytest.raises(VisaeError, match=message):
        stability([torch.ones(shape) for shape in shapes])


def test_the_stability_of_blocks_does_not_depend_on_their_bases():
    source = torch.Generator().manual_seed(0)
    blocks = torch.linalg.qr(torch.randn(6, 12, 3, generator=source)).Q.mT
    rotated = torch.linalg.qr(torch.randn(6, 3, 3, generator=source)).Q @ blocks
    order = torch.randperm(6, generator=source)
    first, second = blocks.flatten(0, 1), rotated[order].flatten(0, 1)
    assert stability([first, second], 3) == pytest.approx(1)
    assert stability([first, second]) < 0.9
    lines = torch.eye(4)
    assert stability([lines[:2], lines[2:]], 2) == pytest.approx(0)
    assert stability([lines[:2], lines[1:3]], 2) == pytest.approx(0.5**0.5)
