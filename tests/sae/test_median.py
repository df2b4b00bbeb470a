import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from visae.sae._topk import geometric_median


def distances(point, rows):
    return sum(np.sqrt(((row - point) ** 2).sum()) for row in rows)


def slowly(rows):
    """By going downhill from several places."""
    starts = [rows.mean(0), np.median(rows, 0), rows[0]]
    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 20_000, "maxfev": 20_000}
    ends = [minimize(distances, start, (rows,), "Nelder-Mead", options=options) for start in starts]
    return min(ends, key=lambda end: end.fun).x


DRAWN = np.random.default_rng(0)
CASES = {
    "a cloud": DRAWN.normal(0, 1, (40, 3)),
    "a skew cloud, far away": DRAWN.exponential(1, (40, 2)) ** 2 + 100,
    "one far outlier": np.concatenate([DRAWN.normal(0, 1, (9, 2)), [[1e3, -1e3]]]),
    "three corners": np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
    "a corner that is the median": np.array([[0.0, 0.0], [10.0, 1.0], [10.0, -1.0], [-1.0, 0.1], [-1, -0.1]]),
    "the mean is a row, and not the median": np.array([[-3.0, 0], [0, 0], [1, 0.1], [1, -0.1], [1, 0]]),
}


@pytest.mark.parametrize("rows", CASES.values(), ids=CASES)
def test_no_point_is_nearer_to_all_rows_together(rows):
    found, expected = geometric_median(torch.from_numpy(rows)).numpy(), slowly(rows)
    assert distances(found, rows) <= distances(expected, rows) * (1 + 1e-5)
    np.testing.assert_allclose(found, expected, atol=2e-2)


@pytest.mark.parametrize("name", ["a cloud", "a skew cloud, far away", "one far outlier"])
def test_it_is_found_exactly_where_it_is_no_row(name):
    rows = CASES[name]
    np.testing.assert_allclose(geometric_median(torch.from_numpy(rows)), slowly(rows), atol=1e-5)


def test_it_is_not_the_mean():
    rows = torch.from_numpy(CASES["one far outlier"])
    assert geometric_median(rows).norm() < 2 < rows.mean(0).norm()


def test_most_rows_alike_are_the_median():
    rows = torch.tensor([[2.0, -1.0]] * 6 + [[50.0, 3.0]] * 5)
    torch.testing.assert_close(geometric_median(rows), torch.tensor([2.0, -1.0]), rtol=0, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_that_are_all_one_point(dtype):
    rows = torch.full((5, 3), 7.0, dtype=dtype)
    assert torch.equal(geometric_median(rows), rows[0])
