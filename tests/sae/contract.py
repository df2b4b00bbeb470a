"""What every kind of SAE must do: the test of each kind calls `check_contract` on a small config."""

from dataclasses import FrozenInstanceError, replace

import pytest
import torch
from small_saes import random_sae, rows, standardised

from visae.sae import SAE, kinds, load, make_config, same_shape, save, stack, unstack
from visae.sae._declared import declared_kinds


def check_contract(config, folder):
    """Check all of the below on one small config of a kind; `folder` is an empty one to write into."""
    check_registration(config)
    check_creation(config)
    check_maps(config)
    check_directions(config)
    check_use_changes_nothing(config)
    check_file(config, folder)
    if not (config.baseline or config.sae.learns):
        check_losses(config)
        check_stack(config)


def check_registration(config):
    """The kind is registered under its name, with the config that the command line reads without torch."""
    assert kinds()[config.kind] is type(config)
    assert make_config(config.kind, config.__dict__) == config
    assert declared_kinds()[config.kind]().__dict__ == type(config)().__dict__
    with pytest.raises(FrozenInstanceError):
        config.width = 3


def check_creation(config):
    """A fresh SAE depends on its config and its generator alone."""
    sae, again, differently = (config.build(5, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert isinstance(sae, SAE)
    assert (sae.config, sae.configs, sae.dim, sae.width) == (config, (config,), 5, config.width or 5)
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in sae.state_dict().items())
    assert any(not torch.equal(value, differently.get_parameter(name)) for name, value in sae.named_parameters())
    for name in config.varied:
        assert sae.get_buffer(name).item() == getattr(config, name)
        assert name not in sae.state_dict()


def check_maps(config):
    """Maps are encoded and decoded as the rows at each of their positions."""
    sae = random_sae(config, 5, dtype=torch.float32)
    maps = rows(24, 5, dtype=torch.float32).view(2, 3, 4, 5).permute(0, 3, 1, 2)
    f = sae.encode(maps)
    reconstruction = sae.decode(f)
    assert f.shape == (2, sae.width, 3, 4)
    assert reconstruction.shape == maps.shape
    at_position = sae.encode(maps[1, :, 2, 3][None])
    torch.testing.assert_close(f[1, :, 2, 3][None], at_position, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(reconstruction[1, :, 2, 3][None], sae.decode(at_position), rtol=1e-5, atol=1e-5)


def check_directions(config):
    """A feature's direction is what one more unit of it adds to a row."""
    sae = random_sae(config)
    f = torch.rand(1, sae.width, dtype=torch.float64)
    added = sae.decode(f + torch.eye(sae.width, dtype=torch.float64)) - sae.decode(f)
    torch.testing.assert_close(added, sae.directions, rtol=1e-9, atol=1e-9)
    assert not sae.directions.requires_grad


def check_use_changes_nothing(config):
    """Encoding and decoding leave every tensor alone."""
    sae = random_sae(config)
    before = {name: tensor.clone() for name, tensor in sae.state_dict().items()}
    sae.decode(sae.encode(rows()))
    assert all(torch.equal(tensor, before[name]) for name, tensor in sae.state_dict().items())


def check_file(config, folder):
    """The SAE comes back from its file to the bit."""
    sae = random_sae(config, 5, dtype=torch.float32)
    save(sae, folder / "sae.safetensors")
    loaded = load(folder)
    assert (type(loaded), loaded.config) == (type(sae), config)
    x = rows(20, 5, dtype=torch.float32)
    assert torch.equal(loaded.encode(x), sae.encode(x))
    assert torch.equal(loaded.decode(loaded.encode(x)), sae.decode(sae.encode(x)))


def check_losses(config):
    """Every term is a number that trains a parameter, and what fired is told for each feature."""
    sae = random_sae(config)
    terms, fired = sae.losses(standardised(sae))
    assert terms
    assert all(term.shape == () and bool(term.isfinite()) for term in terms.values())
    assert (fired.dtype, fired.shape) == (torch.bool, (sae.width,))
    assert fired.any()
    torch.stack(list(terms.values())).sum().backward()
    assert all(parameter.grad is not None for parameter in sae.parameters())


def check_stack(config):
    """A stack computes and trains what each of its members would alone; members differ in settings and in the dead."""
    members = _two_members(config)
    whole = stack(members)
    for sae in members:
        sae.forget()
    z = standardised(members[0])
    f = whole.features(z)
    for index, sae in enumerate(members):
        torch.testing.assert_close(f[index], sae.features(z), rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(whole.reconstruct(f)[index], sae.reconstruct(f[index]), rtol=1e-9, atol=1e-12)
    for step in range(3):
        z = standardised(members[0], seed=step)
        together = gradient_step(whole, z)
        for index, sae in enumerate(members):
            for name, value in gradient_step(sae, z).items():
                _assert_near(together[name][index], value, name)
    trained_alone = [{name: tensor.clone() for name, tensor in sae.state_dict().items()} for sae in members]
    unstack(whole, members)
    for sae, expected in zip(members, trained_alone, strict=True):
        for name, tensor in sae.state_dict().items():
            _assert_near(tensor, expected[name], name)


def gradient_step(sae, z, rate=0.01):
    """Take a step of plain gradient descent; return the terms, the gradients and what fired before it."""
    sae.zero_grad()
    terms, fired = sae.losses(z)
    torch.stack(list(terms.values())).sum().backward()
    gradients = {name: parameter.grad.clone() for name, parameter in sae.named_parameters()}
    sae.before_step()
    with torch.no_grad():
        for parameter in sae.parameters():
            parameter -= rate * parameter.grad.clamp(-1, 1)
    sae.after_step()
    sae.refresh()
    return {name: term.detach() for name, term in terms.items()} | gradients | {"fired": fired.double()}


def _two_members(config):
    varied = [{name: getattr(config, name) + step for name in config.varied} for step in (0, 1)]
    members = [random_sae(replace(config, **settings), seed=seed) for seed, settings in enumerate(varied)]
    members[1].rows_since_fired.zero_()
    members[1].rows_since_fired[0] = 1000
    assert len({same_shape(sae) for sae in members}) == 1
    return members


def _assert_near(actual, expected, name):
    torch.testing.assert_close(actual, expected, rtol=1e-6, atol=1e-9, msg=lambda message: f"{name}: {message}")
