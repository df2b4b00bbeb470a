import math

import numpy as np
import pytest
import torch

from visae.metrics import Fidelity, fidelity
from visae.sae import ReLU, TopK


def constant(value):
    """An SAE that answers every row with `value`, and whose features never fire."""
    sae = ReLU(width=3).build(len(value), torch.Generator())
    with torch.no_grad():
        sae.encoder_bias.fill_(-1e9)
        sae.bias.copy_(torch.as_tensor(value))
    return sae


def perfect(dim, mean=0.0):
    """Two features a dimension, one for each sign."""
    sae = ReLU(width=2 * dim).build(dim, torch.Generator())
    with torch.no_grad():
        sae.encoder.copy_(torch.cat([torch.eye(dim), -torch.eye(dim)]))
        sae.decoder.copy_(sae.encoder)
        sae.centre.fill_(mean)
    return sae


def some(dim=6):
    return TopK(width=20, k=3).build(dim, torch.Generator().manual_seed(1))


def rows(count=500, dim=6, offset=0.0, seed=0):
    return offset + torch.randn(count, dim, generator=torch.Generator().manual_seed(seed)) * torch.arange(1.0, dim + 1)


def slowly(sae, x):
    """The formula of the docstring, in NumPy and float64."""
    with torch.no_grad():
        f = sae.encode(x)
        x_hat = sae.decode(f).double().numpy()
    exact, fired = x.double().numpy(), f.numpy() > 0
    explained = 1 - np.square(exact - x_hat).sum() / np.square(exact - exact.mean(0)).sum()
    return Fidelity(explained, fired.sum(1).mean(), (~fired.any(0)).mean())


def close(one, other, tolerance=1e-9):
    for name in ("explained_variance", "l0", "dead_fraction"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("offset", [0.0, 10.0, 1e4])
def test_the_mean_explains_nothing_and_perfection_all(offset):
    x = rows(offset=offset)
    assert fidelity(constant(x.double().mean(0)), [x]).explained_variance == pytest.approx(0, abs=1e-6)
    assert fidelity(perfect(6, offset), [x]).explained_variance == pytest.approx(1, abs=1e-6)


def test_worse_than_the_mean_is_negative():
    x = rows()
    # Off by one standard deviation in every dimension: as much error again as the mean leaves.
    worse = constant(x.mean(0) + x.std(0, correction=0))
    assert fidelity(worse, [x]).explained_variance == pytest.approx(-1, abs=1e-5)


@pytest.mark.parametrize("offset", [0.0, 1e4, -1e6])
@pytest.mark.parametrize("sizes", [[500], [1, 499], [250, 250], [100] * 5, [1] * 500])
def test_batches_add_up_to_the_whole(sizes, offset):
    """Also for rows far from zero, whose squares would drown their variance."""
    x, sae = rows(offset=offset), some()
    sae.fit_units(x.double().mean(0), x.double().var(0))
    close(fidelity(sae, x.split(sizes)), slowly(sae, x), 1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e4, -3.3])
@pytest.mark.parametrize("sizes", [[30], [10, 10, 10]])
def test_rows_that_do_not_vary_have_no_explained_variance(value, sizes):
    found = fidelity(some(), torch.full((30, 6), value).split(sizes))
    assert math.isnan(found.explained_variance)


def test_features_that_fire_are_counted():
    x = torch.tensor([[1.0, 0.0], [2.0, 0.0], [-1.0, 3.0], [4.0, 5.0]])
    # Features: +x, +y, -x, -y; the last one never fires, and six fire in four rows.
    assert fidelity(perfect(2), [x[:3], x[3:]]) == Fidelity(1.0, 6 / 4, 1 / 4)
    assert fidelity(perfect(2), [x[:2]]) == Fidelity(1.0, 1.0, 3 / 4)
    assert fidelity(constant([0.0, 0.0]), [x]).dead_fraction == 1.0


def test_figures_are_plain_numbers_and_leave_the_sae_alone():
    sae = some()
    found = fidelity(sae, [rows()])
    assert {type(value) for value in vars(found).values()} == {float}
    assert sae.idle.tolist() == [0] * 20
