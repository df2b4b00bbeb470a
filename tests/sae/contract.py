"""What every kind of SAE must do, whatever it computes: called by the test of each kind, on a small config of it."""

from dataclasses import FrozenInstanceError, replace

import pytest
import torch
from small_saes import filled, rows, standardised

from visae.sae import kinds, load, make_config, same_shape, save, stack, unstack
from visae.sae._declared import declared_kinds


def is_registered_under_its_name(config):
    assert kinds()[config.kind] is type(config)
    assert make_config(config.kind, config.__dict__) == config
    assert declared_kinds()[config.kind]().__dict__ == type(config)().__dict__
    with pytest.raises(FrozenInstanceError):
        config.width = 3


def maps_are_rows_at_every_position(config):
    sae = filled(config, 5, dtype=torch.float32)
    maps = rows(24, 5, dtype=torch.float32).view(2, 3, 4, 5).permute(0, 3, 1, 2)
    f = sae.encode(maps)
    assert f.shape == (2, sae.width, 3, 4)
    at_position = sae.encode(maps[1, :, 2, 3][None])
    torch.testing.assert_close(f[1, :, 2, 3][None], at_position, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sae.decode(f)[1, :, 2, 3][None], sae.decode(at_position), rtol=1e-5, atol=1e-5)


def comes_back_from_its_file_to_the_bit(config, folder):
    sae = filled(config, 5, dtype=torch.float32)
    save(sae, folder / "sae.safetensors")
    loaded = load(folder)
    assert (type(loaded), loaded.config) == (type(sae), config)
    x = rows(20, 5, dtype=torch.float32)
    assert torch.equal(loaded.encode(x), sae.encode(x))
    assert torch.equal(loaded.decode(loaded.encode(x)), sae.decode(sae.encode(x)))


def a_stack_trains_as_its_members_would_alone(config):
    settings = [{name: getattr(config, name) + step for name in config.varied} for step in (0, 1)]
    members = [filled(replace(config, **varied), seed=seed) for seed, varied in enumerate(settings)]
    assert len({same_shape(sae) for sae in members}) == 1
    whole = stack(members)
    for sae in members:
        sae.forget()
    for step in range(3):
        z = standardised(members[0], seed=step)
        together = _step(whole, z)
        for index, sae in enumerate(members):
            for name, value in _step(sae, z).items():
                torch.testing.assert_close(together[name][index], value, rtol=1e-6, atol=1e-9)
    expected = [sae.state_dict() for sae in members]
    expected = [{name: tensor.clone() for name, tensor in state.items()} for state in expected]
    unstack(whole, members)
    for sae, state in zip(members, expected, strict=True):
        for name, tensor in sae.state_dict().items():
            torch.testing.assert_close(tensor, state[name], rtol=1e-6, atol=1e-9)


def check_contract(config, folder):
    """All of the above, on one small config of a kind."""
    is_registered_under_its_name(config)
    maps_are_rows_at_every_position(config)
    comes_back_from_its_file_to_the_bit(config, folder)
    a_stack_trains_as_its_members_would_alone(config)


def _step(sae, z, rate=0.01):
    """Terms and gradients, and then one step of plain gradient descent."""
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
