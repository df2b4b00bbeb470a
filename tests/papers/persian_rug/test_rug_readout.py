import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from visae.papers.persian_rug import sparse
from visae.papers.persian_rug._readout import best_readout


def test_the_readout_is_the_best_of_all_gains_and_shifts():
    source = torch.Generator().manual_seed(1)
    x = sparse(400, 50, 0.2, source)
    z = x + 0.3 * torch.randn(x.shape, generator=source) - 0.2
    z, x = z.double().numpy(), x.double().numpy()

    def moments(shift):
        y = np.maximum(z + shift, 0)
        return (x * y).mean(), (y**2).mean()

    found = best_readout(moments, (x**2).mean(), (-3.0, 3.0))

    def loss(of):
        return ((np.maximum(of[0] * (z + of[1]), 0) - x) ** 2).mean()

    slow = minimize(loss, (1.0, 0.0), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-14})
    assert found.loss == pytest.approx(loss((found.gain, found.shift)), rel=1e-9)
    assert found.loss == pytest.approx(slow.fun, rel=1e-7)


def test_a_readout_of_nothing_that_passes_answers_zero():
    found = best_readout(lambda shift: (shift, 1.0) if shift > 0.5 else (0.0, 0.0), 2.0, (-1.0, 1.0))
    assert found.loss == pytest.approx(1.0, rel=1e-6)
