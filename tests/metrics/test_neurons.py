import math

import numpy as np
import pytest
import torch

from visae._support.errors import VisaeError
from visae.metrics import fidelity, neurons_curve, neurons_explained_variance
from visae.sae import Neurons


def rows(count=200, dim=7, seed=0):
    """Sparse rows of a layer after its ReLU, in float16 as stored."""
    x = torch.randn(count, dim, generator=torch.Generator().manual_seed(seed)) * torch.arange(1.0, dim + 1) - 1
    return x.relu().half().float()


def slow_on_average(x, l0):
    """Sort all values, keep the strongest round(l0 n), and set the others to zero."""
    values = x.double().numpy()
    kept = np.zeros(values.size)
    strongest = np.argsort(-np.abs(values).ravel())[: round(l0 * len(values))]
    kept[strongest] = values.ravel()[strongest]
    return 1 - np.square(values - kept.reshape(values.shape)).sum() / np.square(values - values.mean(0)).sum()


@pytest.mark.parametrize("l0", [0, 0.005, 0.5, 1, 2.5, 3, 7])
@pytest.mark.parametrize("sizes", [[200], [1, 150, 49]])
def test_the_strongest_values_on_average_equal_the_slow_reference(l0, sizes):
    assert neurons_explained_variance(rows().split(sizes), l0) == pytest.approx(slow_on_average(rows(), l0), abs=1e-12)


def test_values_of_either_sign_in_full_precision():
    x = torch.randn(300, 5, generator=torch.Generator().manual_seed(1))
    for l0 in (0.5, 2, 4):
        assert neurons_explained_variance([x], l0) == pytest.approx(slow_on_average(x, l0), abs=1e-5)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_strongest_of_each_row_equal_the_kind_neurons(k):
    x, sae = rows(), Neurons(k=k).build(7, torch.Generator())
    sae.fit_scale(x.double().mean(0), x.double().var(0))
    sae.initialise(sae.standardise(x))
    assert neurons_curve([x]).per_row(k) == pytest.approx(fidelity(sae, [x]).explained_variance, abs=1e-6)


def test_known_values():
    # The squares are 16, 9, 4 and 1, the sums of the neurons 6 and 4.
    x = torch.tensor([[4.0, 3.0], [0.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    total = (16 + 4 - 36 / 4) + (9 + 1 - 16 / 4)
    curve = neurons_curve([x])
    assert curve.on_average(0.25) == pytest.approx(1 - (9 + 4 + 1) / total)
    assert curve.on_average(0.5) == pytest.approx(1 - (4 + 1) / total)
    assert curve.on_average(0.375) == pytest.approx(1 - (4.5 + 4 + 1) / total)
    assert curve.on_average(1) == curve.on_average(2) == 1
    assert curve.per_row(1) == pytest.approx(1 - 9 / total)
    assert curve.per_row(2) == 1
    assert curve.per_row(0) == curve.on_average(0) == pytest.approx(1 - 30 / total)


def test_equal_values_are_kept_in_proportion():
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    assert neurons_curve([x]).on_average(0.5) == pytest.approx(0)
    assert neurons_curve([x]).on_average(0.75) == pytest.approx(0.5)


def test_rows_that_do_not_vary_have_no_explained_variance():
    assert math.isnan(neurons_explained_variance([torch.full((5, 3), 2.0)], 1))
    with pytest.raises(VisaeError, match="no rows"):
        neurons_curve([])
