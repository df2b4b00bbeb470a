import numpy as np
import pytest
import torch
from slow_saes import of_blocks, preactivate, tensors
from small_saes import as_the_reference_has_it, filled, grads, rows, standardised

from visae._support.errors import VisaeError
from visae.sae import Block
from visae.sae._block import _orthonormal


@pytest.mark.parametrize(
    ("width", "size", "blocks"), [(8, 2, 1), (8, 2, 2), (8, 1, 3), (9, 3, 1), (8, 2, 3), (2, 1, 1)]
)
def test_features_and_losses_are_as_the_paper_has_them(width, size, blocks):
    sae = filled(Block(width=width, size=size, blocks=blocks))
    as_the_reference_has_it(sae, standardised(sae))


@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_exactly_l_blocks_fire_with_all_their_features(blocks):
    sae = filled(Block(width=8, size=2, blocks=blocks))
    fired = (sae.encode(rows()) != 0).unflatten(1, (4, 2))
    assert torch.equal(fired.any(2), fired.all(2))
    assert torch.equal(fired.any(2).sum(1), torch.full((40,), blocks))
    assert (sae.encode(rows()) < 0).any(), "a place within a block has a sign"


def test_the_auxiliary_term_trains_the_next_blocks_alone():
    sae = filled(Block(width=12, size=2, blocks=2))
    for row in standardised(sae):
        pre = preactivate(sae.config, tensors(sae), row[None].numpy())[0]
        first, following = (of_blocks(pre, 2, rank, rank + 2) != 0 for rank in (0, 2))
        aux, error = (grads(sae, row[None], term) for term in ("aux", "error"))
        assert np.array_equal((aux["decoder"] != 0).any(1), following)
        assert np.array_equal((error["decoder"] != 0).any(1), first)
        assert np.array_equal((aux["log_gain"] != 0).repeat_interleave(2), following)


def test_where_no_block_is_left_the_auxiliary_term_is_the_residual_and_trains_nothing():
    sae = filled(Block(width=4, size=2, blocks=2))
    z = standardised(sae)
    residual = z - sae.reconstruct(sae.features(z))
    terms = sae.losses(z).terms
    assert terms["aux"].item() == pytest.approx(residual.square().sum(1).mean().item() / 6)
    assert all(of is None or not of.any() for of in grads(sae, z, "aux").values())


def projectors(decoder, size):
    """For each block the projection onto its subspace, by least squares."""
    blocks = decoder.detach().double().numpy().reshape(-1, size, decoder.shape[-1])
    return np.array([np.linalg.pinv(block) @ block for block in blocks])


@pytest.mark.parametrize(("width", "size", "dim"), [(8, 2, 3), (8, 4, 5), (6, 1, 3), (6, 3, 3)])
def test_refreshing_makes_blocks_orthonormal_and_leaves_their_subspaces(width, size, dim):
    sae = filled(Block(width=width, size=size, blocks=1), dim)
    before = projectors(sae.decoder, size)
    gram = sae.decoder.unflatten(0, (-1, size)) @ sae.decoder.unflatten(0, (-1, size)).mT
    assert (gram - torch.eye(size)).abs().max() > 0.05
    sae.refresh()
    blocks = sae.decoder.unflatten(0, (-1, size))
    expected = torch.eye(size, dtype=torch.float64).expand(width // size, -1, -1)
    torch.testing.assert_close(blocks @ blocks.mT, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(projectors(sae.decoder, size), before, atol=1e-9)
    again = sae.decoder.detach().clone()
    sae.refresh()
    torch.testing.assert_close(sae.decoder.detach(), again, rtol=0, atol=1e-12)


def test_rows_of_blocks_stay_near_where_they_were():
    decoder = _orthonormal(torch.randn(12, 5, generator=torch.Generator().manual_seed(0)), 3)
    moved = decoder + 0.02 * torch.randn(12, 5, generator=torch.Generator().manual_seed(1))
    cosines = (_orthonormal(moved, 3) * decoder).sum(1)
    assert cosines.min() > 0.99, "neither turned nor swapped"


def test_a_block_that_lost_a_dimension_is_still_finite():
    decoder = torch.tensor([[1.0, 0, 0], [2.0, 0, 0]])
    found = _orthonormal(decoder, 2)
    torch.testing.assert_close(found @ found.T, torch.eye(2))
    torch.testing.assert_close(_orthonormal(torch.zeros(2, 3), 2).norm(dim=1), torch.ones(2))


@pytest.mark.parametrize(("width", "size", "blocks"), [(8, 2, 1), (8, 2, 3), (32, 4, 6)])
def test_the_fitted_gain_leaves_no_bias_in_the_mean_size(width, size, blocks):
    """argmin over s of E|x_hat / s - x|^2 is one: E|x_hat|^2 = E<x_hat, x>."""
    sae = Block(width=width, size=size, blocks=blocks).build(6, torch.Generator().manual_seed(0)).double()
    z = standardised(filled(Block(width=8, size=2, blocks=1), 6), 500)
    with torch.no_grad():
        sae.log_gain.fill_(1.5)
    unfitted = sae.features(z)
    sae.initialise(z)
    guess = sae.reconstruct(sae.features(z))
    assert (guess.square().sum() / (guess * z).sum()).item() == pytest.approx(1, rel=1e-9)
    assert torch.equal(unfitted != 0, sae.features(z) != 0)


def test_a_fresh_dictionary_has_orthonormal_blocks_and_gains_of_one():
    sae = Block(width=12, size=3, blocks=2).build(5, torch.Generator())
    blocks = sae.decoder.unflatten(0, (-1, 3))
    torch.testing.assert_close(blocks @ blocks.mT, torch.eye(3).expand(4, 3, 3))
    assert not sae.log_gain.any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 9, "size": 2}, "the width is 9, a block's size 2; give a width that size divides"),
        ({"width": 8, "size": 0}, "the width is 8, a block's size 0"),
        ({"width": 0, "size": 2}, "the width is 0, a block's size 2"),
        ({"width": 8, "size": 2, "blocks": 5}, "blocks is 5, there are 4; it must be between 1 and that"),
        ({"width": 8, "size": 2, "blocks": 0}, "blocks is 0, there are 4"),
    ],
)
def test_recipes_that_make_no_sense(settings, message):
    with pytest.raises(VisaeError, match=message):
        Block(**settings)


def test_blocks_larger_than_the_rows():
    with pytest.raises(VisaeError, match="a block's size is 4, rows have 3 dimensions"):
        Block(width=8, size=4, blocks=1).build(3, torch.Generator())
