"""MOD: rounds of pursuit and least squares."""

import torch
import torch.nn.functional as F
from contract import check_contract
from learned import DIM, planted_rows, started

from visae.sae import MOD, _mod


def test_contract(tmp_path):
    check_contract(MOD(width=12, k=2), tmp_path)


def test_a_round_is_least_squares():
    """After one round the directions are those of a plain least squares fit to the codes of the start."""
    x, _ = planted_rows(512)
    sae = started(MOD(width=8, k=2), x)
    z = sae.standardise(x)
    f = sae.features(z)
    solved = torch.linalg.lstsq(f.double(), (z - sae.bias).double()).solution
    sae.learn(z)
    torch.testing.assert_close(sae.decoder.double(), F.normalize(solved, dim=1), rtol=1e-3, atol=1e-4)
    assert not sae.moments.any()
    assert sae.rows_in_round == 0


def test_rounds_grow_with_the_rows_seen(monkeypatch):
    monkeypatch.setattr(_mod, "_ROUND_SHARE", 0.5)
    x, _ = planted_rows(1600)
    sae, ends = started(MOD(width=8, k=2), x), []
    for step, part in enumerate(sae.standardise(x).split(40)):
        sae.learn(part)
        if sae.rows_in_round == 0:
            ends.append(40 * (step + 1))
    # The first takes 10 rows a feature, each later one as many rows as all before it.
    assert ends == [80, 160, 320, 640, 1280]


def test_a_feature_that_no_row_uses_is_replaced():
    x = planted_rows(512)[0].abs()
    sae = started(MOD(width=8, k=1, most=1), x)
    # All rows are positive and the origin is 0, so that nothing matches this.
    sae.decoder[3] = -(DIM**-0.5)
    z = sae.standardise(x)
    assert not sae.features(z)[:, 3].any()
    sae.learn(z)
    assert (sae.decoder[3] @ F.normalize(z - sae.bias, dim=1).T).amax() > 0.9999
