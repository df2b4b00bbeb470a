import math

import numpy as np
import pytest

from visae._support.errors import VisaeError
from visae.papers.persian_rug import fit_power, fit_sparse


def test_powers_are_found_again():
    x = [1.0, 2, 5, 9]
    found = fit_power(x, [3 * value**-1.5 for value in x])
    assert (found.constant, found.exponent) == pytest.approx((3, -1.5))
    densities = [1e-3, 3e-3, 1e-2]
    losses = [0.2 * p**1.9 * math.log(1 / p) * 4 for p in densities]
    found = fit_sparse(densities, losses, ratio=0.2)
    assert (found.constant, found.exponent) == pytest.approx((0.2, 1.9))


def test_the_fit_is_least_squares_of_logarithms():
    x, y = np.array([1.0, 3, 4, 10]), np.array([2.0, 1, 3, 2])
    design = np.stack([np.ones(4), np.log(x)], 1)
    expected = np.linalg.lstsq(design, np.log(y), rcond=None)[0]
    found = fit_power(x.tolist(), y.tolist())
    assert (math.log(found.constant), found.exponent) == pytest.approx(tuple(expected))


def test_one_point_is_no_power():
    with pytest.raises(VisaeError, match="two x or more; there are 1"):
        fit_power([2.0, 2.0], [1.0, 2.0])
