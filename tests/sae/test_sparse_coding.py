"""Sparse coding over fixed directions: the pursuit as the encoder of an SAE."""

from copy import deepcopy

import pytest
import torch
from contract import check_contract, check_file
from small_saes import rows

from visae._support.errors import VisaeError
from visae.sae import FixedDirections
from visae.sae._lasso import lasso
from visae.sae._pursuit import pursue

CONFIG = FixedDirections(width=12, k=2)


def fitted_to(x, config, seed):
    sae = config.build(x.shape[1], torch.Generator().manual_seed(seed))
    sae.fit_scale(x.mean(0), x.var(0))
    sae.initialise(sae.standardise(x))
    return sae


def fitted(config=CONFIG, dim=5):
    return fitted_to(rows(400, dim, dtype=torch.float32), config, 0)


def test_contract(tmp_path):
    check_contract(CONFIG, tmp_path)


def test_lasso_takes_the_place_of_the_pursuit(tmp_path):
    config = FixedDirections(width=12, k=2, l1=0.1)
    check_file(config, tmp_path)
    sae, x = fitted(config), rows(20, 5, dtype=torch.float32)
    torch.testing.assert_close(sae.encode(x), lasso(sae.standardise(x) - sae.bias, sae.decoder, 0.1))


def test_origin_is_the_silent_point():
    sae = fitted()
    torch.testing.assert_close(sae.decode(torch.zeros(1, 12)), torch.zeros(1, 5), rtol=0, atol=1e-6)
    assert not sae.encode(torch.zeros(1, 5)).any()


def test_directions_are_those_of_rows():
    sae, x = fitted(), rows(400, 5, dtype=torch.float32)
    cosines = sae.decoder @ torch.nn.functional.normalize(x, dim=1).T
    torch.testing.assert_close(cosines.amax(1), torch.ones(12))
    assert len(cosines.argmax(1).unique()) == 12


def test_random_directions_are_not_rows():
    sae = fitted(FixedDirections(width=12, k=2, start="random"))
    assert (sae.decoder < 0).any()
    torch.testing.assert_close(sae.decoder.norm(dim=1), torch.ones(12))


def test_silent_rows_are_no_directions():
    x = torch.cat([torch.zeros(500, 3), torch.eye(3)])
    sae = fitted_to(x, FixedDirections(width=3, k=1), 0)
    torch.testing.assert_close(sae.decoder.abs().sum(0), torch.ones(3), rtol=0, atol=1e-4)
    with pytest.raises(VisaeError, match="only 3 of 503 rows are not silent, for 4 features"):
        fitted_to(x, FixedDirections(width=4, k=1), 0)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_k_features_fire_on_average(k):
    sae, x = fitted(FixedDirections(width=12, k=k, most=5)), rows(400, 5, dtype=torch.float32)
    fired = (sae.encode(x) > 0).sum(1)
    # A feature whose value is refitted to zero does not fire.
    assert fired.float().mean().item() == pytest.approx(k, rel=0.12)
    assert fired.amax() > k


def test_exactly_k_where_no_more_may():
    sae, x = fitted(FixedDirections(width=12, k=2, most=2)), rows(100, 5, dtype=torch.float32)
    assert sae.min_gain == 0
    expected = pursue(sae.standardise(x) - sae.bias, sae.decoder, 2).dense(12)
    torch.testing.assert_close(sae.encode(x), expected)


def test_gradient_passes_through_what_fires():
    sae = fitted().double()
    x = rows(6, 5).requires_grad_()
    weights = torch.rand(12, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    (sae.encode(x) @ weights).sum().backward()
    change = 1e-6 * torch.randn(x.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    difference = (sae.encode(x.detach() + change) - sae.encode(x.detach())) @ weights
    torch.testing.assert_close((x.grad * change).sum(1), difference, rtol=1e-3, atol=1e-10)


def test_gram_follows_the_decoder():
    sae = fitted()
    before = sae.gram.clone()
    assert sae.gram is sae.gram
    sae.decoder.copy_(sae.decoder.flip(0))
    torch.testing.assert_close(sae.gram, before.flip(0, 1))
    with torch.inference_mode():
        copied = deepcopy(sae)
        copied.decoder[:] = sae.decoder.flip(0)
        copied.forget()
        torch.testing.assert_close(copied.gram, before)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 0}, "k is 0, the width 768"),
        ({"k": 4, "most": 3}, "most is 3, k 4 and the width 768"),
        ({"width": 8, "most": 9}, "most is 9, k 4 and the width 8"),
        ({"l1": -1.0}, "l1 is -1"),
        ({"start": "neurons"}, "start is 'neurons'; it must be 'rows' or 'random'"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(VisaeError, match=message):
        FixedDirections(**settings)


def test_first_directions_are_far_apart():
    """Nearly all rows point one way; a draw without regard for it would miss the others."""
    common = torch.eye(3)[0] + 0.001 * torch.rand(3000, 3, generator=torch.Generator().manual_seed(0))
    x = torch.cat([torch.eye(3)[1:], common])
    for seed in range(5):
        sae = fitted_to(x, FixedDirections(width=3, k=1), seed)
        assert (sae.decoder.amax(0) > 0.99).all()


def test_copies_are_drawn_once_nothing_else_is_left():
    x = torch.eye(2).repeat(10, 1)
    sae = fitted_to(x, FixedDirections(width=5, k=1), 0)
    torch.testing.assert_close(sae.decoder.sum(1), torch.ones(5), rtol=0, atol=1e-4)


@pytest.mark.parametrize("l1", [0.0, 0.1])
def test_rows_that_are_not_finite_are_not_coded_as_silent(l1):
    x = rows(400, 5, dtype=torch.float32)
    sae = fitted_to(x, FixedDirections(width=12, k=2, l1=l1), 0)
    broken = x[:4].clone()
    broken[1, 3], broken[2, 0] = float("nan"), float("inf")
    f = sae.encode(broken)
    assert f[1:3].isnan().all()
    torch.testing.assert_close(f[[0, 3]], sae.encode(x[[0, 3]]))
