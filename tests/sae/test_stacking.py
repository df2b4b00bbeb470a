from copy import deepcopy
from dataclasses import fields, replace

import pytest
import torch
from contract import gradient_step
from small_saes import CONFIGS, TRAINABLE, force_decoding, kind, random_sae, standardised

from visae.sae import same_shape, stack, unstack

# Settings of three members of a stack.
VARIED = {
    "relu": [{"l1": 0.25}, {"l1": 2.0}, {"l1": 0.0}],
    "gated": [{"l1": 0.25}, {"l1": 2.0}, {"l1": 0.0}],
    "topk": [{"k": 2}, {"k": 1}, {"k": 8}],
    "batchtopk": [{"k": 2}, {"k": 1}, {"k": 8}],
    "jumprelu": [{"l0": 0.5, "target": 0.0}, {"l0": 0.75, "target": 2.0}, {"l0": 1.0, "target": 5.5}],
    "matryoshka": [{"k": 2}, {"k": 1}, {"k": 8}],
    "archetypal": [{"k": 2}, {"k": 1}, {"k": 8}],
    "block": [{"blocks": 1}, {"blocks": 2}, {"blocks": 4}],
}
every_trainable = pytest.mark.parametrize("config", TRAINABLE, ids=kind)


def three_members(config):
    """Return three SAEs that differ in settings, in tensors, and in which features are dead."""
    members = [random_sae(replace(config, **settings), seed=seed) for seed, settings in enumerate(VARIED[config.kind])]
    members[1].rows_since_fired.zero_()
    members[2].rows_since_fired[0] = 1000
    for sae in members:
        sae.forget()
    return members


@every_trainable
def test_three_members_train_in_a_stack_as_each_alone(monkeypatch, config):
    """By sparse decoding; the contract of each kind has dense decoding, and two members that differ less."""
    force_decoding(monkeypatch, sparse=True)
    members = three_members(config)
    whole, unstacked = stack(members), deepcopy(members)
    for step in range(4):
        z = standardised(random_sae(config), 16, step)
        together = gradient_step(whole, z)
        for index, sae in enumerate(members):
            alone = gradient_step(sae, z)
            assert alone.keys() == together.keys()
            for name, value in alone.items():
                assert_near(together[name][index], value, name)
    unstack(whole, unstacked)
    for sae, expected in zip(unstacked, members, strict=True):
        for name, tensor in expected.state_dict().items():
            assert_near(sae.state_dict()[name], tensor, name)


def assert_near(actual, expected, name):
    torch.testing.assert_close(actual, expected, rtol=1e-6, atol=1e-9, msg=lambda message: f"{name}: {message}")


@every_trainable
def test_unstacking_restores_the_members_to_the_bit(config):
    members = three_members(config)
    configs, states = [sae.config for sae in members], [deepcopy(sae.state_dict()) for sae in members]
    whole = stack(members)
    stacked = deepcopy(whole.state_dict())
    for sae in members:
        for tensor in sae.state_dict().values():
            tensor.zero_()
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, stacked[name]), "a stack holds copies"
        assert len(tensor) == 3
    unstack(whole, members)
    assert [sae.config for sae in members] == configs
    for sae, state in zip(members, states, strict=True):
        assert sae.state_dict().keys() == state.keys()
        assert all(torch.equal(tensor, state[name]) for name, tensor in sae.state_dict().items())


@every_trainable
def test_members_do_not_change_until_they_are_unstacked(config):
    members = three_members(config)
    states = [deepcopy(sae.state_dict()) for sae in members]
    whole = stack(members)
    gradient_step(whole, standardised(members[0]), rate=0.1)
    for sae, state in zip(members, states, strict=True):
        assert all(torch.equal(tensor, state[name]) for name, tensor in sae.state_dict().items())
        assert all(parameter.grad is None for parameter in sae.parameters())
    unstack(whole, members)
    trained = "decoder" if config.kind != "archetypal" else "mixture"
    for index, (sae, state) in enumerate(zip(members, states, strict=True)):
        assert not torch.equal(sae.get_parameter(trained), state[trained])
        assert all(torch.equal(tensor, whole.state_dict()[name][index]) for name, tensor in sae.state_dict().items())


@every_trainable
def test_members_that_were_trained_alone_can_be_stacked(config):
    """As when a sweep goes on without a member: which features are dead is not carried over from the first one."""
    members = three_members(config)
    for step, sae in enumerate(members):
        gradient_step(sae, standardised(sae, 16, step))
    whole, z = stack(members), standardised(members[0])
    together = whole.losses(z).terms
    for index, sae in enumerate(members):
        sae.forget()
        for name, term in sae.losses(z).terms.items():
            assert together[name][index].item() == pytest.approx(term.item(), rel=1e-6)


@every_trainable
def test_a_stack_of_one_trains_as_its_only_member(config):
    sae = three_members(config)[0]
    whole, z = stack([sae]), standardised(sae)
    together, alone = gradient_step(whole, z), gradient_step(sae, z)
    for name, value in alone.items():
        torch.testing.assert_close(together[name], value[None], rtol=1e-6, atol=1e-9)


CHANGED = {"freeze": "decoder", "width": 16, "levels": 2, "size": 4, "origin": "median", "centroids": 7}


@every_trainable
def test_saes_stack_if_they_differ_in_varied_settings_alone(config):
    for name in [field.name for field in fields(config)]:
        changed = replace(config, **{name: CHANGED[name] if name in CHANGED else getattr(config, name) + 1})
        saes = [each.build(5, torch.Generator()) for each in (config, changed)]
        assert (same_shape(saes[0]) == same_shape(saes[1])) == (name in config.varied), name
        if name in config.varied:
            assert stack(saes).get_buffer(name).tolist() == [getattr(config, name), getattr(changed, name)]


def test_saes_of_different_kinds_or_dimensions_do_not_stack():
    shapes = [same_shape(config.build(dim, torch.Generator())) for config in CONFIGS for dim in (3, 5)]
    assert len(set(shapes)) == len(shapes) == 24
