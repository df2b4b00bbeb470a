import pytest
import torch
from small_saes import counted

from visae.sae import Archetypal, BatchTopK, Block, Gated, JumpReLU, Matryoshka, ReLU, TopK, stack
from visae.sae._block import _REVIVE_RATE

CONFIGS = [TopK, BatchTopK, Matryoshka, Archetypal, ReLU, Gated, JumpReLU]


def fresh(config, seed=0):
    return config(width=16).build(4, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("config", CONFIGS)
def test_silent_features_rise_and_no_others(config):
    sae = fresh(config)
    sae.rows_since_fired[:3] = torch.tensor([100, 101, 5000])
    before = {name: tensor.clone() for name, tensor in sae.state_dict().items()}
    sae.revive(100, 0.25)
    risen = sae.encoder_bias - before.pop("encoder_bias")
    assert risen[1:3].tolist() == [pytest.approx(0.25 * sae.revive_rate)] * 2
    assert not risen[[0, *range(3, 16)]].any()
    if config is JumpReLU:
        fallen = before.pop("log_threshold") - sae.log_threshold
        assert (fallen > 0).tolist() == [False, True, True] + [False] * 13
    assert all(torch.equal(sae.state_dict()[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize("config", CONFIGS)
def test_each_member_of_a_stack_has_its_own_silence(config):
    one, other = fresh(config), fresh(config, 1)
    one.rows_since_fired[2], other.rows_since_fired[5] = 1000, 1000
    whole = stack([one, other])
    whole.revive(100, 0.5)
    for index, sae in enumerate((one, other)):
        sae.revive(100, 0.5)
        assert torch.equal(whole.encoder_bias[index], sae.encoder_bias)


def test_the_gain_of_blocks_rises_that_are_silent_as_a_whole():
    sae = fresh(Block)
    sae.rows_since_fired[[0, 1, 2, 3, 5]] = 1000
    before = {name: tensor.clone() for name, tensor in sae.state_dict().items()}
    sae.revive(100, 0.5)
    risen = sae.log_gain - before.pop("log_gain")
    assert risen.tolist() == [pytest.approx(0.5 * _REVIVE_RATE), 0.0, 0.0, 0.0]
    assert all(torch.equal(sae.state_dict()[name], tensor) for name, tensor in before.items())


def test_a_feature_that_never_fires_comes_back():
    """Its direction is that of the data, and only its bias keeps it silent."""
    sae = TopK(width=2, k=1).build(2, torch.Generator())
    with torch.no_grad():
        sae.encoder.copy_(torch.eye(2))
        sae.encoder_bias.copy_(torch.tensor([0.0, -3.0]))
    z = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert not sae.features(z)[:, 1].any()
    rounds = 0
    while sae.rows_since_fired[1] or not rounds:
        counted(sae, z)
        sae.revive(1, 0.5)
        rounds += 1
        assert rounds < 10
    assert sae.features(z)[:, 1].tolist() == [0.0, pytest.approx(0.5)]
