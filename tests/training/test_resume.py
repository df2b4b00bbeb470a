import subprocess
import sys
from pathlib import Path

import pytest
import torch
from stops import Stop, stop_at, stop_at_write
from stores import CONFIGS, FILES, SHORT, content, planted

from visae._support.errors import VisaeError
from visae.sae import ReLU, TopK
from visae.training import TrainingConfig, train


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("moment", range(15))
def test_stopped_at_any_step_and_started_again(tmp_path, rows, whole, monkeypatch, config, moment):
    with monkeypatch.context() as patch:
        stop_at(patch, moment)
        with pytest.raises(Stop):
            train(rows, config, tmp_path / "run", SHORT, "cpu")
    assert "checkpoint.safetensors" in content(tmp_path / "run")
    train(rows, config, tmp_path / "run", SHORT, "cpu")
    assert content(tmp_path / "run") == whole[config]


def test_stopped_again_and_again(tmp_path, rows, whole, monkeypatch):
    attempts = 0
    while not (tmp_path / "run" / "sae.safetensors").exists():
        attempts += 1
        with monkeypatch.context() as patch:
            stop_at(patch, 6)
            try:
                train(rows, CONFIGS[0], tmp_path / "run", SHORT, "cpu")
            except Stop:
                torch.manual_seed(attempts)
    assert attempts == 3
    assert content(tmp_path / "run") == whole[CONFIGS[0]]


# The beginning of the log, checkpoints at 0, 5, 10 and 15 steps, the dictionary.
@pytest.mark.parametrize("moment", range(6))
def test_stopped_in_the_middle_of_a_write(tmp_path, rows, whole, monkeypatch, moment):
    with monkeypatch.context() as patch:
        stop_at_write(patch, moment)
        with pytest.raises(Stop):
            train(rows, CONFIGS[0], tmp_path / "run", SHORT, "cpu")
    train(rows, CONFIGS[0], tmp_path / "run", SHORT, "cpu")
    assert content(tmp_path / "run") == whole[CONFIGS[0]]


def test_stopped_before_the_checkpoint_is_removed(tmp_path, rows, whole, monkeypatch):
    def stop(_):
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr("visae.training._checkpoint.remove", stop)
        with pytest.raises(Stop):
            train(rows, CONFIGS[0], tmp_path / "run", SHORT, "cpu")
    assert sorted(content(tmp_path / "run")) == ["checkpoint.safetensors", *FILES]
    with monkeypatch.context() as patch:
        stop_at(patch, 0)
        train(rows, CONFIGS[0], tmp_path / "run", SHORT, "cpu")
    assert content(tmp_path / "run") == whole[CONFIGS[0]]


def test_killed_again_and_again(tmp_path):
    script = Path(__file__).with_name("stopped.py")
    command = [sys.executable, str(script), str(tmp_path), "0", "0.003", "0.01"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["3", "killed"] * 2
    for name, count in (("one", 1), ("sweep", 9)):
        left = content(tmp_path / name / "whole")
        assert sorted(path.split("/")[-1] for path in left) == sorted(FILES * count)
        assert content(tmp_path / name / "killed") == left


def test_a_finished_run_is_loaded_and_not_trained_again(tmp_path, rows, monkeypatch):
    first = train(rows, CONFIGS[0], tmp_path / "run", SHORT, "cpu")
    before = content(tmp_path / "run")
    stop_at(monkeypatch, 0)
    again = train(rows.folder, CONFIGS[0], str(tmp_path / "run"), SHORT, "cpu")
    assert torch.equal(again.decoder, first.decoder)
    assert again.about == first.about
    assert content(tmp_path / "run") == before


OTHER = [
    ({"config": TopK(width=24, k=3, dead_after=200)}, "config.k was 2 and is now 3"),
    ({"config": ReLU(width=24)}, "{}config.aux_k was 64 and is now not set"),
    ({"training": TrainingConfig(epochs=4, batch=180, lr=3e-3)}, "training.epochs was 3 and is now 4"),
    (
        {"training": TrainingConfig(epochs=3, batch=180, lr=1e-3, seed=1)},
        "lr was 0.003 and is now 0.001; {}training.seed was 0",
    ),
]


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize(("change", "difference"), OTHER)
def test_other_settings_are_refused_with_what_differs(tmp_path, rows, monkeypatch, change, difference, stopped):
    with monkeypatch.context() as patch:
        if stopped:
            stop_at(patch, 7)
            with pytest.raises(Stop):
                train(rows, CONFIGS[0], tmp_path / "run", SHORT, "cpu")
        else:
            train(rows, CONFIGS[0], tmp_path / "run", SHORT, "cpu")
    before = content(tmp_path / "run")
    arguments = {"rows": rows, "config": CONFIGS[0], "training": SHORT, **change}
    with pytest.raises(VisaeError, match="was made with other settings") as error:
        train(**arguments, out=tmp_path / "run", device="cpu")
    # A checkpoint names the member, which is called nothing.
    prefix = "members.." if stopped else ""
    assert difference.format(prefix) in str(error.value)
    assert content(tmp_path / "run") == before


def test_other_rows_are_refused(tmp_path, rows):
    train(rows, CONFIGS[0], tmp_path / "run", SHORT, "cpu")
    other, _ = planted(tmp_path / "other", 1010)
    with pytest.raises(VisaeError, match=r"rows was '[0-9a-f]{64}' and is now '[0-9a-f]{64}'"):
        train(other, CONFIGS[0], tmp_path / "run", SHORT, "cpu")
