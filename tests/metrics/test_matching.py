import itertools

import numpy as np
import pytest
import torch

from visae.metrics import match


def directions(count, dim=5, seed=0):
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def cosines_of(one, other):
    unit = [of.double().numpy() / np.linalg.norm(of.numpy(), axis=1, keepdims=True) for of in (one, other)]
    return unit[0] @ unit[1].T


def best_sum(table):
    """By trying all matchings."""
    table = table if table.shape[0] <= table.shape[1] else table.T
    matchings = itertools.permutations(range(table.shape[1]), table.shape[0])
    return max(sum(table[row, place] for row, place in enumerate(matching)) for matching in matchings)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("a", "b"), [(5, 5), (3, 6), (6, 3), (1, 4), (4, 1)])
def test_pairs_are_one_to_one_with_the_largest_sum(a, b, seed):
    one, other = directions(a, seed=seed), directions(b, seed=seed + 50)
    rows, columns, cosines = match(one, other)
    assert len(rows) == len(columns) == len(cosines) == min(a, b)
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert len(set(columns.tolist())) == len(columns)
    table = cosines_of(one, other)
    assert cosines.tolist() == pytest.approx([table[pair] for pair in zip(rows, columns, strict=True)])
    assert cosines.sum().item() == pytest.approx(best_sum(table))
    assert cosines.dtype == torch.float64


def test_an_order_is_found_again_whatever_the_lengths():
    one = directions(12)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(3))
    rows, columns, cosines = match(one, one[order] * torch.linspace(0.01, 30, 12)[:, None])
    assert order[columns].tolist() == rows.tolist()
    assert cosines.tolist() == pytest.approx([1] * 12)


def test_a_direction_without_length_has_a_cosine_of_zero():
    rows, columns, cosines = match(torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.eye(2))
    assert (rows.tolist(), columns.tolist(), cosines.tolist()) == ([0, 1], [1, 0], [0, 1])


def test_parameters_are_taken_as_they_are():
    assert match(torch.nn.Parameter(torch.eye(3)), torch.eye(3))[2].tolist() == [1, 1, 1]
