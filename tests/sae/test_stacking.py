from copy import deepcopy
from dataclasses import fields, replace

import pytest
import torch
from small_saes import CONFIGS, TRAINABLE, filled, kind, standardised

from visae.sae import same_shape, stack, unstack

# In what the members of a stack differ.
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
trainable = pytest.mark.parametrize("config", TRAINABLE, ids=kind)


@pytest.fixture(params=[True, False], ids=["sparse", "dense"])
def path(request, monkeypatch):
    """Both ways to the same numbers."""
    monkeypatch.setattr("visae.sae._topk.sparse_pays", lambda *_: request.param)
    monkeypatch.setattr("visae.sae._batchtopk.sparse_pays", lambda *_: request.param)


def members(config):
    """Three SAEs of unlike settings, tensors and dead features."""
    made = [filled(replace(config, **settings), seed=seed) for seed, settings in enumerate(VARIED[config.kind])]
    made[1].rows_since_fired.zero_()
    made[2].rows_since_fired[0] = 1000
    for sae in made:
        sae.dead = None
    return made


def trained(sae, z, rate=0.01):
    """The SAE's terms and gradients, after which it takes a step."""
    sae.zero_grad()
    terms = sae.losses(z).terms
    torch.stack(list(terms.values())).sum().backward()
    slopes = {name: parameter.grad.clone() for name, parameter in sae.named_parameters()}
    sae.before_step()
    with torch.no_grad():
        for parameter in sae.parameters():
            parameter -= rate * parameter.grad.clamp(-1, 1)
    sae.after_step()
    sae.refresh()
    return {name: term.detach() for name, term in terms.items()} | slopes


@trainable
@pytest.mark.usefixtures("path")
def test_a_stack_is_each_of_its_members(config):
    alone = members(config)
    whole, z = stack(alone), standardised(alone[0])
    f = whole.features(z)
    for index, sae in enumerate(alone):
        torch.testing.assert_close(f[index], sae.features(z), rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(whole.reconstruct(f)[index], sae.reconstruct(f[index]), rtol=1e-9, atol=1e-12)


@trainable
@pytest.mark.usefixtures("path")
def test_a_stack_trains_as_its_members_would_alone(config):
    alone = members(config)
    whole, stacked = stack(alone), deepcopy(alone)
    for step in range(4):
        z = standardised(filled(config), 16, step)
        together = trained(whole, z)
        for index, sae in enumerate(alone):
            own = trained(sae, z)
            assert own.keys() == together.keys()
            for name, value in own.items():
                torch.testing.assert_close(
                    together[name][index], value, rtol=1e-6, atol=1e-9, msg=lambda m, n=name: n + m
                )
    unstack(whole, stacked)
    for back, sae in zip(stacked, alone, strict=True):
        for name, tensor in sae.state_dict().items():
            torch.testing.assert_close(
                back.state_dict()[name], tensor, rtol=1e-6, atol=1e-9, msg=lambda m, n=name: n + m
            )


@pytest.mark.parametrize("config", CONFIGS[:8], ids=kind)
def test_unstacking_brings_back_to_the_bit_what_was_stacked(config):
    alone = members(config)
    before = [deepcopy(sae.state_dict()) for sae in alone]
    whole = stack(alone)
    kept = deepcopy(whole.state_dict())
    for sae in alone:
        for tensor in sae.state_dict().values():
            tensor.zero_()
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, kept[name]), "a stack holds copies"
        assert len(tensor) == 3
    unstack(whole, alone)
    for sae, state in zip(alone, before, strict=True):
        assert sae.state_dict().keys() == state.keys()
        assert all(torch.equal(tensor, state[name]) for name, tensor in sae.state_dict().items())
        assert sae.config in [made.config for made in members(config)]


@trainable
def test_training_a_stack_leaves_its_members_until_they_are_unstacked(config):
    alone = members(config)
    before = [deepcopy(sae.state_dict()) for sae in alone]
    whole = stack(alone)
    trained(whole, standardised(alone[0]), rate=0.1)
    for sae, state in zip(alone, before, strict=True):
        assert all(torch.equal(tensor, state[name]) for name, tensor in sae.state_dict().items())
        assert all(parameter.grad is None for parameter in sae.parameters())
    unstack(whole, alone)
    drawn = "decoder" if config.kind != "archetypal" else "mixture"
    for index, (sae, state) in enumerate(zip(alone, before, strict=True)):
        assert not torch.equal(sae.get_parameter(drawn), state[drawn])
        assert all(torch.equal(tensor, whole.state_dict()[name][index]) for name, tensor in sae.state_dict().items())


@trainable
def test_members_that_were_trained_alone_before_can_be_stacked(config):
    """As when a run goes on with other companions: what the first knew of its dead is not the others'."""
    alone = members(config)
    for step, sae in enumerate(alone):
        trained(sae, standardised(sae, 16, step))
    whole, z = stack(alone), standardised(alone[0])
    together = whole.losses(z).terms
    for index, sae in enumerate(alone):
        sae.forget()
        for name, term in sae.losses(z).terms.items():
            assert together[name][index].item() == pytest.approx(term.item(), rel=1e-6)


@trainable
def test_a_stack_of_one_is_that_one(config):
    sae = members(config)[0]
    whole, z = stack([sae]), standardised(sae)
    together, own = trained(whole, z), trained(sae, z)
    for name, value in own.items():
        torch.testing.assert_close(together[name], value[None], rtol=1e-6, atol=1e-9)


OTHER = {"width": 16, "levels": 2, "size": 4, "origin": "median", "centroids": 7}
SETTINGS = [(config, field.name) for config in TRAINABLE for field in fields(config)]


@pytest.mark.parametrize(("config", "name"), SETTINGS, ids=lambda value: getattr(value, "kind", value))
def test_saes_stack_if_they_differ_in_varied_settings_alone(config, name):
    other = replace(config, **{name: OTHER[name] if name in OTHER else getattr(config, name) + 1})
    one, two = (made.build(5, torch.Generator()) for made in (config, other))
    assert (same_shape(one) == same_shape(two)) == (name in config.varied)
    if name in config.varied:
        assert stack([one, two]).get_buffer(name).tolist() == [getattr(config, name), getattr(other, name)]


def test_saes_of_other_kinds_and_over_other_rows_do_not_stack():
    shapes = [same_shape(config.build(dim, torch.Generator())) for config in CONFIGS for dim in (3, 5)]
    assert all(one != other for index, one in enumerate(shapes) for other in shapes[:index])
    hash(shapes[0])
