"""Batched non-negative least squares, against scipy's."""

import numpy as np
import pytest
import torch
from scipy.optimize import nnls

from visae.sae._nonnegative_least_squares import nonnegative_least_squares, solve_free


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_solutions_are_scipys(count):
    generator = np.random.default_rng(count)
    directions, z = generator.normal(size=(200, count, 15)), generator.normal(size=(200, 15))
    gram, matches = directions @ directions.transpose(0, 2, 1), np.einsum("nkd,nd->nk", directions, z)
    solved = nonnegative_least_squares(torch.from_numpy(gram), torch.from_numpy(matches)).numpy()
    expected = np.stack([nnls(own.T, row)[0] for own, row in zip(directions, z, strict=True)])
    assert (expected == 0).any()
    np.testing.assert_allclose(solved, expected, atol=1e-4)


def test_a_positive_solution_is_that_of_least_squares():
    gram = torch.tensor([[[1.0, 0.5], [0.5, 1.0]]])
    torch.testing.assert_close(nonnegative_least_squares(gram, torch.tensor([[2.0, 2.5]])), torch.tensor([[1.0, 2.0]]))


def test_variables_that_are_not_free_are_zero():
    gram, matches = torch.eye(3)[None] + 0.5, torch.tensor([[1.0, 2.0, 3.0]])
    solved = solve_free(gram, matches, torch.tensor([[True, False, True]]))
    expected = torch.linalg.solve(torch.tensor([[1.5, 0.5], [0.5, 1.5]]), torch.tensor([1.0, 3.0]))
    torch.testing.assert_close(solved[0], torch.tensor([expected[0], 0.0, expected[1]]))
