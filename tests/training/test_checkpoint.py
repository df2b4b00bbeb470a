import pytest
import torch

from visae import files
from visae.errors import VisaeError
from visae.sae import ReLU, TopK
from visae.training import checkpoint

SETTINGS = {"rows": "ff", "recipe": {"width": 9, "l1": 5.0}}


def started(recipe, steps, seed=0):
    """An SAE and its optimiser after some steps."""
    source = torch.Generator().manual_seed(seed)
    sae = recipe.build(4, source)
    optimiser = torch.optim.Adam(sae.parameters(), lr=1e-2, fused=True)
    train_on(sae, optimiser, torch.randn(steps, 16, 4, generator=source))
    return sae, optimiser


def train_on(sae, optimiser, batches):
    for z in batches:
        optimiser.zero_grad()
        sum(sae.losses(z).values()).backward()
        sae.before_step()
        optimiser.step()
        sae.after_step()


@pytest.mark.parametrize("recipe", [TopK(width=64, k=1, dead_after=20), ReLU(width=9)])
def test_what_goes_on_from_a_checkpoint_is_what_went_on(tmp_path, recipe):
    sae, optimiser = started(recipe, 5)
    checkpoint.save(tmp_path, sae, optimiser, 5, SETTINGS)
    other, its_optimiser = started(recipe, 2, seed=1)
    assert checkpoint.restore(tmp_path, other, its_optimiser, SETTINGS) == 5
    rest = torch.randn(7, 16, 4)
    train_on(sae, optimiser, rest)
    train_on(other, its_optimiser, rest)
    for name, tensor in sae.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name
    assert sae.idle.max() > 0


def test_without_a_checkpoint_nothing_happens(tmp_path):
    sae, optimiser = started(ReLU(width=9), 3)
    before = {name: tensor.clone() for name, tensor in sae.state_dict().items()}
    assert checkpoint.restore(tmp_path, sae, optimiser, SETTINGS) == 0
    assert all(torch.equal(sae.state_dict()[name], tensor) for name, tensor in before.items())


def test_other_settings_are_refused_with_what_differs(tmp_path):
    sae, optimiser = started(ReLU(width=9), 1)
    checkpoint.save(tmp_path, sae, optimiser, 1, SETTINGS)
    with pytest.raises(VisaeError, match=r"recipe\.l1 was 5\.0 and is now 4\.0; use a new folder"):
        checkpoint.restore(tmp_path, sae, optimiser, {"rows": "ff", "recipe": {"width": 9, "l1": 4.0}})


def test_a_file_that_is_not_as_it_should_be(tmp_path):
    sae, optimiser = started(ReLU(width=9), 1)
    for header, message in [({"schema": 9}, "has schema 9"), ({"schema": 1, "step": 2}, "missing 'settings'")]:
        files.write_tensors(tmp_path / checkpoint.FILE, {}, header)
        with pytest.raises(VisaeError, match=message):
            checkpoint.restore(tmp_path, sae, optimiser, SETTINGS)
    (tmp_path / checkpoint.FILE).write_bytes(b"half")
    with pytest.raises(VisaeError, match="is not a whole safetensors file"):
        checkpoint.restore(tmp_path, sae, optimiser, SETTINGS)
