"""Checkpoints and the log."""

import json
from dataclasses import replace

import pytest
import torch

from visae._support import files
from visae._support.errors import VisaeError
from visae.training import _checkpoint as checkpoint
from visae.training._checkpoint import LOG, Checkpoint, Log

SETTINGS = {"members": {"a": {"seed": 0, "config": {"width": 9, "l1": 5.0}}}}
STATE = Checkpoint(
    12_345,
    {
        "a/sae.decoder": torch.randn(3, 4, generator=torch.Generator().manual_seed(0)),
        "a/sae.rows_since_fired": torch.tensor([1, 2 << 40]),
        "a/adam.decoder.step": torch.tensor(7.0),
        "/sae.bias": torch.tensor([torch.pi, -0.0, 1e-40]),
    },
    {"b": "diverged at step 3 (error nan)"},
    20_000,
    {"a": [{"rows_seen": 5_000, "error": 1 / 3, "sparsity": 1e-300}]},
)


def test_a_checkpoint_is_restored_to_the_bit(tmp_path):
    checkpoint.save(tmp_path / "new", STATE, SETTINGS)
    restored = checkpoint.restore(tmp_path / "new", SETTINGS)
    assert replace(restored, tensors={}) == replace(STATE, tensors={})
    assert restored.tensors.keys() == STATE.tensors.keys()
    for name, tensor in STATE.tensors.items():
        assert restored.tensors[name].dtype == tensor.dtype
        assert torch.equal(restored.tensors[name], tensor)
    assert checkpoint.members(tmp_path / "new") == {"a"}


def test_a_removed_or_missing_checkpoint_is_none(tmp_path):
    assert checkpoint.restore(tmp_path / "new", SETTINGS) is None
    assert checkpoint.members(tmp_path / "new") == set()
    checkpoint.remove(tmp_path / "new")
    checkpoint.save(tmp_path, STATE, SETTINGS)
    checkpoint.remove(tmp_path)
    assert checkpoint.restore(tmp_path, SETTINGS) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"members": {"a": {"seed": 0, "config": {"width": 9, "l1": 4.0}}}},
            r"members\.a\.config\.l1 was 5\.0 and is now 4",
        ),
        ({"members": {"a": {"seed": 1, "config": {"width": 9, "l1": 5.0}}}}, r"members\.a\.seed was 0 and is now 1"),
        ({"members": {**SETTINGS["members"], "b": {"seed": 0}}}, r"members\.b\.seed was not set and is now 0"),
        ({"members": {}}, r"members\.a\.config\.l1 was 5\.0 and is now not set"),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path, settings, message):
    checkpoint.save(tmp_path, STATE, SETTINGS)
    with pytest.raises(VisaeError, match=message):
        checkpoint.restore(tmp_path, settings)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"schema": 1, "step": 2, "settings": {}}, "has schema 1, this version of visae reads schema 4"),
        ({"schema": 4, "step": 2, "settings": {}}, "missing 'stopped'"),
        (
            {"schema": 4, "step": 2, "settings": {}, "stopped": {}, "steps": 5, "held_out": {}, "more": 1},
            "unknown 'more'",
        ),
    ],
)
def test_other_headers_are_refused(tmp_path, header, message):
    files.write_tensors(tmp_path / checkpoint.FILE, {}, header)
    with pytest.raises(VisaeError, match=message):
        checkpoint.restore(tmp_path, SETTINGS)


def test_other_files_are_refused(tmp_path):
    (tmp_path / checkpoint.FILE).write_bytes(b"half")
    with pytest.raises(VisaeError, match="is not a complete safetensors file"):
        checkpoint.restore(tmp_path, SETTINGS)


def lines(folder):
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


def test_every_line_of_the_log_is_json(tmp_path):
    log = Log(tmp_path / "run", 0)
    entries = [{"step": 0, "error": 0.1, "silent": 3}, {"step": 100, "error": 1 / 3, "silent": 0}]
    for entry in entries:
        log.write(**entry)
    assert lines(tmp_path / "run") == entries


@pytest.mark.parametrize(("step", "kept"), [(0, []), (1, [0]), (100, [0]), (101, [0, 100]), (500, [0, 100, 200])])
def test_lines_of_steps_that_will_be_taken_again_are_dropped(tmp_path, step, kept):
    log = Log(tmp_path, 0)
    for number in (0, 100, 200):
        log.write(step=number, error=0.5)
    log = Log(tmp_path, step)
    assert [line["step"] for line in lines(tmp_path)] == kept
    log.write(step=step, error=0.25)
    assert lines(tmp_path)[-1] == {"step": step, "error": 0.25}


@pytest.mark.parametrize("torn", ['{"step": 20', "\n", "[1]\n", "5", "null\n", '{"st'])
def test_lines_that_were_cut_off_are_dropped(tmp_path, torn):
    log = Log(tmp_path, 0)
    for number in (0, 100):
        log.write(step=number, error=0.5)
    with log.path.open("a") as file:
        file.write(torn)
    Log(tmp_path, 500).write(step=500, error=0.25)
    assert [line["step"] for line in lines(tmp_path)] == [0, 100, 500]


def test_a_log_that_cannot_be_written_is_an_error(tmp_path):
    log = Log(tmp_path / "run", 0)
    log.path.unlink()
    log.path.mkdir()
    with pytest.raises(VisaeError, match=r"cannot write .*log\.jsonl: Is a directory"):
        log.write(step=0)
