import pytest
import torch

from visae._support import files
from visae._support.errors import VisaeError
from visae.training import _checkpoint as checkpoint
from visae.training._checkpoint import Checkpoint

SETTINGS = {"members": {"a": {"seed": 0, "config": {"width": 9, "l1": 5.0}}}}


def made():
    tensors = {
        "a/sae.decoder": torch.randn(3, 4),
        "a/sae.rows_since_fired": torch.tensor([1, 2 << 40]),
        "a/adam.decoder.step": torch.tensor(7.0),
        "/sae.bias": torch.tensor([torch.pi, -0.0, 1e-40]),
    }
    return Checkpoint(12_345, tensors, {"b": "diverged at step 3 (error nan)"})


def test_what_was_saved_comes_back(tmp_path):
    state = made()
    checkpoint.save(tmp_path / "new", state, SETTINGS)
    found = checkpoint.restore(tmp_path / "new", SETTINGS)
    assert (found.step, found.stopped) == (state.step, state.stopped)
    assert found.tensors.keys() == state.tensors.keys()
    for name, tensor in state.tensors.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.tensors[name], tensor)


def test_without_a_checkpoint_there_is_nothing(tmp_path):
    assert checkpoint.restore(tmp_path / "new", SETTINGS) is None
    checkpoint.remove(tmp_path / "new")
    checkpoint.save(tmp_path, made(), SETTINGS)
    checkpoint.remove(tmp_path)
    assert checkpoint.restore(tmp_path, SETTINGS) is None
    assert list(tmp_path.iterdir()) == []


OTHER = [
    (
        {"members": {"a": {"seed": 0, "config": {"width": 9, "l1": 4.0}}}},
        r"members\.a\.config\.l1 was 5\.0 and is now 4",
    ),
    ({"members": {"a": {"seed": 1, "config": {"width": 9, "l1": 5.0}}}}, r"members\.a\.seed was 0 and is now 1"),
    ({"members": {**SETTINGS["members"], "b": {"seed": 0}}}, r"members\.b\.seed was not set and is now 0; use a new"),
    ({"members": {}}, r"members\.a\.config\.l1 was 5\.0 and is now not set"),
]


@pytest.mark.parametrize(("settings", "message"), OTHER)
def test_other_settings_are_refused_with_what_differs(tmp_path, settings, message):
    checkpoint.save(tmp_path, made(), SETTINGS)
    with pytest.raises(VisaeError, match=message):
        checkpoint.restore(tmp_path, settings)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"schema": 1, "step": 2, "settings": {}}, "has schema 1, this visae reads schema 3"),
        ({"schema": 3, "step": 2, "settings": {}}, "missing 'stopped'"),
        ({"schema": 3, "step": 2, "settings": {}, "stopped": {}, "more": 1}, "unknown 'more'"),
    ],
)
def test_a_file_that_is_not_as_it_should_be(tmp_path, header, message):
    files.write_tensors(tmp_path / checkpoint.FILE, {}, header)
    with pytest.raises(VisaeError, match=message):
        checkpoint.restore(tmp_path, SETTINGS)
    (tmp_path / checkpoint.FILE).write_bytes(b"half")
    with pytest.raises(VisaeError, match="is not a whole safetensors file"):
        checkpoint.restore(tmp_path, SETTINGS)
