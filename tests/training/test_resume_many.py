import pytest
import torch
from stops import Stop, poison, stop_at, stop_at_write
from stores import FEW, SWEEP, content

from visae.sae import TopK
from visae.training import SAESpec, train_many
from visae.training import _trainer as trainer

GROUPS = 6  # of the nine members, of which one has nothing to train
# Of a sweep: nine logs, checkpoints at 0, 5, 10 and 12 steps, nine dictionaries.
WRITES = 9 + 4 + 9


def sweep(rows, out, members=SWEEP):
    return train_many(rows, members, out, FEW, "cpu")


def stopped(patch, rows, out, stop, moment, members=SWEEP):
    with patch.context() as here:
        stop(here, moment)
        with pytest.raises(Stop):
            sweep(rows, out, members)


@pytest.mark.parametrize("moment", [GROUPS * step + step % GROUPS for step in range(12)])
def test_stopped_at_any_step_and_started_again(tmp_path, rows, whole_sweep, monkeypatch, moment):
    """Some groups have made the step, others have not."""
    stopped(monkeypatch, rows, tmp_path, stop_at, moment)
    assert not list(tmp_path.rglob("sae.safetensors"))
    torch.manual_seed(moment)
    sweep(rows, tmp_path)
    assert content(tmp_path) == whole_sweep


@pytest.mark.parametrize(("stop", "last"), [(stop_at, 12 * GROUPS - 1), (stop_at_write, WRITES - 1)])
def test_there_are_so_many_steps_and_writes(tmp_path, rows, whole_sweep, monkeypatch, stop, last):
    """As the moments of the other tests have it."""
    stopped(monkeypatch, rows, tmp_path / "stopped", stop, last)
    stop(monkeypatch, last + 1)
    sweep(rows, tmp_path / "not stopped")
    assert content(tmp_path / "not stopped") == whole_sweep


@pytest.mark.parametrize("moment", [0, 9, 11, 12, 13, 14, 17, WRITES - 1])
def test_stopped_in_the_middle_of_a_write(tmp_path, rows, whole_sweep, monkeypatch, moment):
    stopped(monkeypatch, rows, tmp_path, stop_at_write, moment)
    torch.manual_seed(moment)
    sweep(rows, tmp_path)
    assert content(tmp_path) == whole_sweep


def test_stopped_again_and_again(tmp_path, rows, whole_sweep, monkeypatch):
    stopped(monkeypatch, rows, tmp_path, stop_at_write, 11)
    stopped(monkeypatch, rows, tmp_path, stop_at, 2 * GROUPS + 3)
    stopped(monkeypatch, rows, tmp_path, stop_at, 1)
    for written in (15, 3, 0):
        stopped(monkeypatch, rows, tmp_path, stop_at_write, written)
    sweep(rows, tmp_path)
    assert content(tmp_path) == whole_sweep


@pytest.fixture(scope="module")
def whole_with_lost(tmp_path_factory, rows):
    """What a sweep leaves in which a member has a NaN from step 6 on, which is found at 6."""
    folder = tmp_path_factory.mktemp("lost")
    with pytest.MonkeyPatch.context() as patch:
        for name, steps in {"_STEPS_PER_CHECKPOINT": 5, "_STEPS_PER_REFRESH": 5, "_STEPS_PER_LINE": 3}.items():
            patch.setattr(trainer, name, steps)
        poison(patch, "relu-weak", 6)
        sweep(rows, folder)
    return content(folder)


@pytest.mark.parametrize("step", [4, 6, 9, 10, 11])
def test_stopped_before_or_after_a_member_was_lost(tmp_path, rows, whole_with_lost, monkeypatch, step):
    poison(monkeypatch, "relu-weak", 6)
    stopped(monkeypatch, rows, tmp_path, stop_at, GROUPS * step + 2)
    saes = sweep(rows, tmp_path)
    assert [name for name, sae in saes.items() if "stopped" in sae.about] == ["relu-weak"]
    found = content(tmp_path)
    assert found.keys() == whole_with_lost.keys()
    assert [path for path in found if found[path] != whole_with_lost[path]] == []


def test_an_extension_is_stopped_and_goes_on(tmp_path, rows, monkeypatch):
    first = {name: SWEEP[name] for name in ("topk-k1", "relu-weak", "pca")}
    for folder in ("whole", "stopped"):
        sweep(rows, tmp_path / folder, first)
    sweep(rows, tmp_path / "whole")
    stopped(monkeypatch, rows, tmp_path / "stopped", stop_at, GROUPS * 6)
    sweep(rows, tmp_path / "stopped")
    assert content(tmp_path / "stopped") == content(tmp_path / "whole")


def test_what_was_extended_while_unfinished_is_refused(tmp_path, rows, monkeypatch):
    stopped(monkeypatch, rows, tmp_path, stop_at, GROUPS * 6)
    before = content(tmp_path)
    with pytest.raises(Exception, match=r"holds an unfinished sweep of 9 SAEs, 10 are asked for; finish it"):
        sweep(rows, tmp_path, {**SWEEP, "more": SAESpec(TopK(width=16, k=2))})
    assert content(tmp_path) == before


def test_checkpoints_come_where_all_is_looked_at_again(monkeypatch):
    """What is only looked at every few steps is not in a checkpoint, so that it must be looked at after each."""
    monkeypatch.undo()
    assert trainer._STEPS_PER_CHECKPOINT % trainer._STEPS_PER_REFRESH == 0
