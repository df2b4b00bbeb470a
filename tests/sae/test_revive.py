import pytest
import torch
from small_saes import training_terms

from visae.sae import Archetypal, BatchTopK, Block, Gated, JumpReLU, Matryoshka, ReLU, TopK, stack
from visae.sae._block import _REVIVE_RATE

with_encoder = pytest.mark.parametrize("config", [TopK, BatchTopK, Matryoshka, Archetypal, ReLU, Gated, JumpReLU])


def fresh(config, seed=0):
    return config(width=16).build(4, torch.Generator().manual_seed(seed))


@with_encoder
def test_the_bias_of_silent_features_rises_and_nothing_else_changes(config):
    sae = fresh(config)
    sae.rows_since_fired[:3] = torch.tensor([100, 101, 5000])
    before = {name: tensor.clone() for name, tensor in sae.state_dict().items()}
    sae.revive(100, 0.25)
    rise = sae.encoder_bias - before.pop("encoder_bias")
    assert rise[1:3].tolist() == [pytest.approx(0.25 * sae.revive_rate)] * 2
    assert not rise[[0, *range(3, 16)]].any()
    if config is JumpReLU:
        drop = before.pop("log_threshold") - sae.log_threshold
        assert (drop > 0).tolist() == [False, True, True] + [False] * 13
    assert all(torch.equal(sae.state_dict()[name], tensor) for name, tensor in before.items())


@with_encoder
def test_members_of_a_stack_are_revived_independently(config):
    members = [fresh(config, seed) for seed in (0, 1)]
    members[0].rows_since_fired[2] = members[1].rows_since_fired[5] = 1000
    whole = stack(members)
    whole.revive(100, 0.5)
    for index, sae in enumerate(members):
        sae.revive(100, 0.5)
        assert torch.equal(whole.encoder_bias[index], sae.encoder_bias)


def test_the_gain_rises_where_a_whole_block_is_silent():
    sae = fresh(Block)
    sae.rows_since_fired[[0, 1, 2, 3, 5]] = 1000
    before = {name: tensor.clone() for name, tensor in sae.state_dict().items()}
    sae.revive(100, 0.5)
    rise = sae.log_gain - before.pop("log_gain")
    assert rise.tolist() == [pytest.approx(0.5 * _REVIVE_RATE), 0.0, 0.0, 0.0]
    assert all(torch.equal(sae.state_dict()[name], tensor) for name, tensor in before.items())


def test_a_silent_feature_fires_again():
    """Its direction is that of the data; only its bias keeps it silent."""
    sae = TopK(width=2, k=1).build(2, torch.Generator())
    with torch.no_grad():
        sae.encoder.copy_(torch.eye(2))
        sae.encoder_bias.copy_(torch.tensor([0.0, -3.0]))
    z = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert not sae.features(z)[:, 1].any()
    rounds = 0
    while sae.rows_since_fired[1] or not rounds:
        training_terms(sae, z)
        sae.revive(1, 0.5)
        rounds += 1
        assert rounds < 10
    assert sae.features(z)[:, 1].tolist() == [0.0, pytest.approx(0.5)]
