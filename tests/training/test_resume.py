import subprocess
import sys
from pathlib import Path

import pytest
import torch
from stores import FILES, RECIPES, SHORT, content, planted

from visae import files
from visae.errors import VisaeError
from visae.sae import ReLU, TopK
from visae.training import Training, loop, train


class Stop(Exception):  # noqa: N818 - it stands for whatever ends a training: a kill, a crash, Ctrl-C
    pass


def stop_at(monkeypatch, moment):
    """The step with this number, counted from now, is not made."""
    step, left = loop._step, [moment]

    def stopping(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise Stop
        return step(*arguments)

    monkeypatch.setattr(loop, "_step", stopping)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("moment", range(27))
def test_stopped_at_any_step_and_started_again(tmp_path, rows, whole, monkeypatch, recipe, moment):
    with monkeypatch.context() as patch:
        stop_at(patch, moment)
        with pytest.raises(Stop):
            train(rows, recipe, tmp_path / "run", SHORT, "cpu")
    train(rows, recipe, tmp_path / "run", SHORT, "cpu")
    assert content(tmp_path / "run") == whole[recipe]


def test_stopped_again_and_again(tmp_path, rows, whole, monkeypatch):
    attempts = 0
    while not (tmp_path / "run" / "sae.safetensors").exists():
        attempts += 1
        with monkeypatch.context() as patch:
            stop_at(patch, 6)
            try:
                train(rows, RECIPES[0], tmp_path / "run", SHORT, "cpu")
            except Stop:
                torch.manual_seed(attempts)
    assert attempts == 6
    assert content(tmp_path / "run") == whole[RECIPES[0]]


@pytest.mark.parametrize("moment", range(7))
def test_stopped_in_the_middle_of_a_write(tmp_path, rows, whole, monkeypatch, moment):
    """The log's beginning, five checkpoints, the dictionary: seven writes."""
    write, left = files.write_bytes, [moment]

    def half(path, data):
        left[0] -= 1
        if left[0] >= 0:
            return write(path, data)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(f".{path.name}.77.tmp").write_bytes(data[: len(data) // 2])
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_bytes", half)
        with pytest.raises(Stop):
            train(rows, RECIPES[0], tmp_path / "run", SHORT, "cpu")
    train(rows, RECIPES[0], tmp_path / "run", SHORT, "cpu")
    assert content(tmp_path / "run") == whole[RECIPES[0]]


def test_killed_again_and_again(tmp_path):
    script = Path(__file__).with_name("stopped.py")
    command = [sys.executable, str(script), str(tmp_path), "0", "0.003", "0.01"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split("\n")[:2] == ["3 killed", "3 killed"]
    for kind in ("topk", "relu"):
        assert sorted(content(tmp_path / kind / "whole")) == FILES
        assert content(tmp_path / kind / "killed") == content(tmp_path / kind / "whole")


def test_a_finished_run_is_loaded_and_not_trained_again(tmp_path, rows, monkeypatch):
    first = train(rows, RECIPES[0], tmp_path / "run", SHORT, "cpu")
    before = content(tmp_path / "run")
    stop_at(monkeypatch, 0)
    again = train(rows.folder, RECIPES[0], str(tmp_path / "run"), SHORT, "cpu")
    assert torch.equal(again.decoder, first.decoder)
    assert again.about == first.about
    assert content(tmp_path / "run") == before


OTHER = [
    ({"recipe": TopK(width=24, k=3, dead_after=200)}, "recipe.k was 2 and is now 3"),
    ({"recipe": ReLU(width=24)}, "kind was 'topk' and is now 'relu'; recipe.aux_k was 64 and is now not set"),
    ({"training": Training(epochs=4, batch=100, lr=3e-3)}, "training.epochs was 3 and is now 4"),
    (
        {"training": Training(epochs=3, batch=100, lr=1e-3, seed=1)},
        "lr was 0.003 and is now 0.001; training.seed was 0",
    ),
]


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize(("change", "difference"), OTHER)
def test_other_settings_are_refused_with_what_differs(tmp_path, rows, monkeypatch, change, difference, stopped):
    if stopped:
        with monkeypatch.context() as patch:
            stop_at(patch, 12)
            with pytest.raises(Stop):
                train(rows, RECIPES[0], tmp_path / "run", SHORT, "cpu")
    else:
        train(rows, RECIPES[0], tmp_path / "run", SHORT, "cpu")
    before = content(tmp_path / "run")
    with pytest.raises(VisaeError) as error:
        train(
            **{
                "rows": rows,
                "recipe": RECIPES[0],
                "out": tmp_path / "run",
                "training": SHORT,
                "device": "cpu",
                **change,
            }
        )
    assert difference in str(error.value)
    assert "was made with other settings" in str(error.value)
    assert content(tmp_path / "run") == before


def test_other_rows_are_refused(tmp_path, rows):
    train(rows, RECIPES[0], tmp_path / "run", SHORT, "cpu")
    other, _ = planted(tmp_path / "other", 1010)
    with pytest.raises(VisaeError, match=r"rows was '[0-9a-f]{64}' and is now '[0-9a-f]{64}'"):
        train(other, RECIPES[0], tmp_path / "run", SHORT, "cpu")
