"""Dictionaries learned without gradients: MOD and online."""

import pytest
import torch
import torch.nn.functional as F
from contract import check_contract

from visae.metrics import recovery
from visae.sae import MOD, FixedDirections, Online, load, save

DIM, WIDTH = 16, 32


def planted_rows(count, seed=0):
    """Rows that are sums of 2 of 24 directions, and the directions."""
    truth = F.normalize(torch.randn(24, DIM, generator=torch.Generator().manual_seed(9)), dim=1)
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.rand(count, 24, generator=generator).topk(2).indices
    values = 0.5 + torch.rand(count, 2, generator=generator)
    return torch.zeros(count, 24).scatter(1, chosen, values) @ truth, truth


def learned(config, batches=100, batch=512, seed=0):
    """Train in the way the trainer does; return the SAE and its errors."""
    x, _ = planted_rows(batch * batches)
    sae = config.build(DIM, torch.Generator().manual_seed(seed))
    sae.fit_scale(x.mean(0), x.var(0))
    sae.initialise(sae.standardise(x[:4096]))
    errors = []
    for part in x.split(batch):
        terms, fired = sae.learn(sae.standardise(part))
        sae.count_rows_since_fired(fired, len(part))
        errors.append(terms["error"].item())
    sae.calibrate(sae.standardise(x[:4096]))
    return sae, errors


@pytest.mark.parametrize("config", [MOD(width=WIDTH, k=2), Online(width=WIDTH, k=2)], ids=lambda config: config.kind)
class TestBoth:
    def test_contract(self, config, tmp_path):
        check_contract(config, tmp_path)

    def test_planted_directions_are_recovered(self, config):
        """Rows of the data as directions, coded the same, recover few."""
        sae, errors = learned(config)
        assert recovery(sae.directions, planted_rows(1)[1]).matched_fraction == 1
        assert errors[-1] < 0.02 * errors[0]
        fixed, _ = planted_null()
        assert recovery(fixed.directions, planted_rows(1)[1]).matched_fraction < 0.3

    def test_directions_keep_unit_norm(self, config):
        sae, _ = learned(config, batches=20)
        torch.testing.assert_close(sae.decoder.norm(dim=1), torch.ones(WIDTH))

    def test_files_hold_only_what_encodes(self, config, tmp_path):
        sae, _ = learned(config, batches=4)
        save(sae, tmp_path / "sae.safetensors")
        again = load(tmp_path)
        x = planted_rows(50, seed=3)[0]
        assert torch.equal(again.encode(x), sae.encode(x))
        assert "moments" in sae.state_dict()
        assert "moments" not in again.state_dict()


def planted_null():
    x, truth = planted_rows(4096)
    sae = FixedDirections(width=WIDTH, k=2).build(DIM, torch.Generator())
    sae.fit_scale(x.mean(0), x.var(0))
    sae.initialise(sae.standardise(x))
    return sae, truth


def test_a_round_is_least_squares():
    """After one round the directions are those of a plain least squares fit to the codes of the start."""
    config = MOD(width=8, k=2)
    x, _ = planted_rows(512)
    sae = config.build(DIM, torch.Generator().manual_seed(0))
    sae.fit_scale(x.mean(0), x.var(0))
    z = sae.standardise(x)
    sae.initialise(z)
    f = sae.features(z)
    solved = torch.linalg.lstsq(f.double(), (z - sae.bias).double()).solution
    sae.learn(z)
    torch.testing.assert_close(sae.decoder.double(), F.normalize(solved, dim=1), rtol=1e-3, atol=1e-4)
    assert not sae.moments.any()
    assert sae.rows_in_round == 0


def test_sums_are_those_of_all_batches():
    config = MOD(width=8, k=2)
    x, _ = planted_rows(64)
    sae = config.build(DIM, torch.Generator().manual_seed(0))
    sae.fit_scale(x.mean(0), x.var(0))
    z = sae.standardise(x)
    sae.initialise(z)
    f = sae.features(z)
    for part in z.split(16):
        sae.learn(part)
    torch.testing.assert_close(sae.moments, f.T @ f)
    torch.testing.assert_close(sae.products, f.T @ (z - sae.bias))


def test_online_sweep_is_block_coordinate_descent():
    """One sweep, direction by direction, never raises the quadratic that the sums define."""
    sae, _ = learned(Online(width=8, k=2), batches=2, batch=64)
    sae.moments.copy_(torch.eye(8) + 0.1)
    sae.products.copy_(torch.rand(8, DIM, generator=torch.Generator().manual_seed(1)))
    expected = sae.decoder.clone()
    for j in range(8):
        own = expected[j] + (sae.products[j] - sae.moments[j] @ expected) / sae.moments[j, j]
        expected[j] = own / own.norm()
    sae._sweep()
    torch.testing.assert_close(sae.decoder, expected)


def test_unused_features_are_pointed_at_badly_explained_rows():
    sae, _ = learned(MOD(width=8, k=2), batches=2, batch=64)
    z = sae.standardise(planted_rows(64, seed=4)[0])
    residual = torch.zeros_like(z)
    residual[[5, 9]] = torch.tensor([[2.0], [1.0]])
    unused = torch.zeros(8, dtype=torch.bool)
    unused[[1, 3]] = True
    before = sae.decoder.clone()
    sae.replace(unused, z, residual)
    torch.testing.assert_close(sae.decoder[[1, 3]], F.normalize(z[[5, 9]] - sae.bias, dim=1))
    assert torch.equal(sae.decoder[~unused], before[~unused])
    assert (sae.rows_since_fired[[1, 3]] == 0).all()
