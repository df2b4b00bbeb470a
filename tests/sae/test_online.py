"""Online dictionary learning."""

import torch
from contract import check_contract
from learned import DIM, learned, planted_rows

from visae.sae import Online


def test_contract(tmp_path):
    check_contract(Online(width=12, k=2), tmp_path)


def test_a_sweep_is_block_coordinate_descent():
    """Direction by direction, each given those that moved before it."""
    sae, _ = learned(Online(width=8, k=2), batches=2, batch=64)
    sae.moments.copy_(torch.eye(8) + 0.1)
    sae.products.copy_(torch.rand(8, DIM, generator=torch.Generator().manual_seed(1)))
    expected = sae.decoder.clone()
    for j in range(8):
        own = expected[j] + (sae.products[j] - sae.moments[j] @ expected) / sae.moments[j, j]
        expected[j] = own / own.norm()
    sae._sweep()
    torch.testing.assert_close(sae.decoder, expected)


def test_early_batches_are_forgotten():
    sae, _ = learned(Online(width=8, k=2), batches=1, batch=64)
    before = sae.moments.clone()
    sae.learn(sae.standardise(planted_rows(64)[0] * 0))
    torch.testing.assert_close(sae.moments, before * (1 - 1 / 3) ** 15)
