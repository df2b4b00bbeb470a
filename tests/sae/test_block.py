import numpy as np
import pytest
import torch
from contract import check_contract
from slow_saes import keep_blocks, pre_activations, tensors
from small_saes import check_against_reference, gradients, random_sae, rows, standardised

from visae._support.errors import VisaeError
from visae.sae import Block
from visae.sae._block import _orthonormal


def test_contract(tmp_path):
    check_contract(Block(width=8, size=2, blocks=1), tmp_path)


@pytest.mark.parametrize(
    ("width", "size", "blocks"), [(8, 2, 1), (8, 2, 2), (8, 1, 3), (9, 3, 1), (8, 2, 3), (2, 1, 1)]
)
def test_features_losses_and_gradients_match_the_reference(width, size, blocks):
    sae = random_sae(Block(width=width, size=size, blocks=blocks))
    check_against_reference(sae, standardised(sae))


@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_exactly_l_blocks_fire_with_all_their_signed_features(blocks):
    sae = random_sae(Block(width=8, size=2, blocks=blocks))
    fired = (sae.encode(rows()) != 0).unflatten(1, (4, 2))
    assert torch.equal(fired.any(2), fired.all(2))
    assert torch.equal(fired.any(2).sum(1), torch.full((40,), blocks))
    assert (sae.encode(rows()) < 0).any()


def test_the_auxiliary_term_trains_only_the_next_strongest_blocks():
    sae = random_sae(Block(width=12, size=2, blocks=2))
    for row in standardised(sae):
        pre = pre_activations(sae.config, tensors(sae), row[None].numpy())[0]
        strongest, next_strongest = (keep_blocks(pre, 2, rank, rank + 2) != 0 for rank in (0, 2))
        aux, error = (gradients(sae, row[None], term) for term in ("aux", "error"))
        assert np.array_equal((aux["decoder"] != 0).any(1), next_strongest)
        assert np.array_equal((error["decoder"] != 0).any(1), strongest)
        assert np.array_equal((aux["log_gain"] != 0).repeat_interleave(2), next_strongest)


def test_without_blocks_left_the_auxiliary_term_is_the_residual_and_trains_nothing():
    sae = random_sae(Block(width=4, size=2, blocks=2))
    z = standardised(sae)
    residual = z - sae.reconstruct(sae.features(z))
    terms = sae.losses(z).terms
    assert terms["aux"].item() == pytest.approx(residual.square().sum(1).mean().item() / 6)
    assert all(gradient is None or not gradient.any() for gradient in gradients(sae, z, "aux").values())


@pytest.mark.parametrize("config", [Block(width=8, size=2, blocks=1), Block(width=8, size=2, blocks=3)])
def test_a_block_fires_in_training_as_a_whole(config):
    sae = random_sae(config)
    z = standardised(sae, 2)
    assert torch.equal(sae.losses(z).fired, (sae.features(z) != 0).any(0))


def projections(decoder, size):
    """Return the projection onto the subspace of each block, by least squares."""
    blocks = decoder.detach().double().numpy().reshape(-1, size, decoder.shape[-1])
    return np.array([np.linalg.pinv(block) @ block for block in blocks])


@pytest.mark.parametrize(("width", "size", "dim"), [(8, 2, 3), (8, 4, 5), (6, 1, 3), (6, 3, 3)])
def test_refresh_makes_blocks_orthonormal_and_keeps_their_subspaces(width, size, dim):
    sae = random_sae(Block(width=width, size=size, blocks=1), dim)
    before = projections(sae.decoder, size)
    gram = sae.decoder.unflatten(0, (-1, size)) @ sae.decoder.unflatten(0, (-1, size)).mT
    assert (gram - torch.eye(size)).abs().max() > 0.05
    sae.refresh()
    blocks = sae.decoder.unflatten(0, (-1, size))
    expected = torch.eye(size, dtype=torch.float64).expand(width // size, -1, -1)
    torch.testing.assert_close(blocks @ blocks.mT, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(projections(sae.decoder, size), before, atol=1e-9)
    refreshed = sae.decoder.detach().clone()
    sae.refresh()
    torch.testing.assert_close(sae.decoder.detach(), refreshed, rtol=0, atol=1e-12)


def test_orthonormalisation_moves_rows_little():
    decoder = _orthonormal(torch.randn(12, 5, generator=torch.Generator().manual_seed(0)), 3)
    moved = decoder + 0.02 * torch.randn(12, 5, generator=torch.Generator().manual_seed(1))
    cosines = (_orthonormal(moved, 3) * decoder).sum(1)
    assert cosines.min() > 0.99, "rows are neither flipped nor swapped"


def test_degenerate_blocks_become_orthonormal_too():
    decoder = torch.tensor([[1.0, 0, 0], [2.0, 0, 0]])
    orthonormal = _orthonormal(decoder, 2)
    torch.testing.assert_close(orthonormal @ orthonormal.T, torch.eye(2))
    torch.testing.assert_close(_orthonormal(torch.zeros(2, 3), 2).norm(dim=1), torch.ones(2))


@pytest.mark.parametrize(("width", "size", "blocks"), [(8, 2, 1), (8, 2, 3), (32, 4, 6)])
def test_the_initial_gain_makes_the_reconstruction_unbiased(width, size, blocks):
    """argmin over s of E|x_hat / s - x|^2 is one: E|x_hat|^2 = E<x_hat, x>."""
    sae = Block(width=width, size=size, blocks=blocks).build(6, torch.Generator().manual_seed(0)).double()
    z = standardised(random_sae(Block(width=8, size=2, blocks=1), 6), 500)
    with torch.no_grad():
        sae.log_gain.fill_(1.5)
    before = sae.features(z)
    sae.initialise(z)
    reconstruction = sae.reconstruct(sae.features(z))
    assert (reconstruction.square().sum() / (reconstruction * z).sum()).item() == pytest.approx(1, rel=1e-9)
    assert torch.equal(before != 0, sae.features(z) != 0)


def test_a_fresh_sae_has_orthonormal_blocks_and_gains_of_one():
    sae = Block(width=12, size=3, blocks=2).build(5, torch.Generator())
    blocks = sae.decoder.unflatten(0, (-1, 3))
    torch.testing.assert_close(blocks @ blocks.mT, torch.eye(3).expand(4, 3, 3))
    assert not sae.log_gain.any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 9, "size": 2}, "the width is 9, a block's size 2"),
        ({"width": 8, "size": 0}, "the width is 8, a block's size 0"),
        ({"width": 0, "size": 2}, "the width is 0, a block's size 2"),
        ({"width": 8, "size": 2, "blocks": 5}, "blocks is 5, there are 4"),
        ({"width": 8, "size": 2, "blocks": 0}, "blocks is 0, there are 4"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(VisaeError, match=message):
        Block(**settings)


def test_blocks_larger_than_the_rows_are_refused():
    with pytest.raises(VisaeError, match="a block's size is 4, rows have 3 dimensions"):
        Block(width=8, size=4, blocks=1).build(3, torch.Generator())
