import numpy as np
import pytest
import torch
from slow_saes import decoder, largest, preactivate, tensors
from small_saes import AUX, filled, standardised

from visae.sae import Archetypal, TopK, stack
from visae.sae._topk import auxk, dead_features

KINDS = [TopK(**AUX), Archetypal(**AUX, centroids=5, delta=0.5)]
every = pytest.mark.parametrize("config", KINDS, ids=["topk", "archetypal"])


def slowly(sae, z, residual, dead, k):
    """The share of the residual that the topk_dense dead features leave."""
    p, total = tensors(sae), 0.0
    for row, left in zip(preactivate(sae.config, p, z.numpy()), residual.numpy(), strict=True):
        of_dead = [value if place in dead else 0.0 for place, value in enumerate(row)]
        total += np.square(left - largest(of_dead, k) @ decoder(sae.config, p)).sum()
    return total / np.square(residual.numpy()).sum()


@pytest.mark.parametrize("after", [0, 4, 5, 6, 100])
def test_dead_is_what_was_idle_for_longer(after):
    rows_since_fired = torch.tensor([[0, 5, 101, 4, 6], [7, 0, 0, 5, 100]])
    found = dead_features(rows_since_fired, after)
    for member, of_member in zip(rows_since_fired.tolist(), found, strict=True):
        assert of_member.tolist() == [place for place, rows in enumerate(member) if rows > after]
    assert [one.tolist() for one in dead_features(rows_since_fired[0], after)] == [found[0].tolist()]


@every
@pytest.mark.parametrize("k", [1, 2, 4, 50])
@pytest.mark.parametrize("dead", [[0], [1, 4, 5, 6], list(range(8))])
def test_it_is_the_share_that_the_strongest_dead_leave(config, k, dead):
    sae = filled(config)
    z = standardised(sae)
    residual = torch.randn(16, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = auxk(sae, z, residual, [torch.tensor(dead)], k)
    assert found.item() == pytest.approx(slowly(sae, z, residual, dead, k), rel=1e-6)


@every
def test_each_member_of_a_stack_has_its_own_dead(config):
    saes = [filled(config, seed=seed) for seed in range(3)]
    whole, z = stack(saes), standardised(saes[0])
    residual = torch.randn(3, 16, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    dead = [[1, 4], [], [0, 2, 3, 7]]
    found = auxk(whole, z, residual, [torch.tensor(of, dtype=torch.int64) for of in dead], 2)
    assert found[1].item() == 0
    for member in (0, 2):
        expected = slowly(saes[member], z, residual[member], dead[member], 2)
        assert found[member].item() == pytest.approx(expected, rel=1e-6)
    found.sum().backward()
    for member, of in enumerate(dead):
        moved = (whole.encoder.grad[member] != 0).any(1).nonzero().flatten().tolist()
        assert set(moved) <= set(of)
        assert bool(moved) == bool(of)


def test_the_dead_alone_are_pulled_towards_a_residual_that_stands_still():
    sae = filled(TopK(**AUX))
    z = standardised(sae)
    residual = torch.randn(16, 3, dtype=torch.float64, requires_grad=True)
    auxk(sae, z, residual, [torch.tensor([1, 4, 5, 6])], 4).backward()
    assert residual.grad is None
    for name in ("encoder", "encoder_bias", "decoder"):
        slopes = sae.get_parameter(name).grad
        assert not slopes[[0, 2, 3, 7]].any(), name
        assert slopes[[1, 4, 5, 6]].any(), name


def test_a_perfect_residual_and_a_zero_one():
    sae = filled(TopK(**AUX))
    z, dead = standardised(sae), [torch.tensor([1])]
    with torch.no_grad():
        sae.encoder_bias[1] = 20
        exact = sae.preactivate(z)[:, 1:2].relu() * sae.decoder[1]
    assert auxk(sae, z, exact, dead, 1).item() == pytest.approx(0, abs=1e-12)
    assert bool(auxk(sae, z, 0 * exact, dead, 1).isfinite())
