"""A run that was interrupted goes on to the same bits as one that was not."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from interruptions import Interrupted, checkpoint_often, interrupt_at_step, interrupt_at_write, make_nan
from stores import CONFIGS, FIFTEEN_STEPS, FILES, STACKS, SWEEP, TWELVE_STEPS, file_contents, write_files

from visae._support import files
from visae._support.errors import VisaeError
from visae.sae import TopK
from visae.training import SAESpec, train, train_many
from visae.training import _trainer as trainer
from visae.training._group import Group

# Part of the sweep: two stacks of two members, one of one, and a baseline.
MEMBERS = {name: SWEEP[name] for name in ("topk-k1", "topk-k3", "relu-weak", "relu-strong", "batchtopk", "pca")}
GROUPS = 3
# The beginnings of six logs, checkpoints after 0, 5, 10 and 12 steps, six dictionaries.
WRITES = 6 + 4 + 6


def train_topk(rows, out):
    return train(rows, CONFIGS[0], out, FIFTEEN_STEPS, "cpu")


def train_sweep(rows, out, members=MEMBERS):
    return train_many(rows, members, out, TWELVE_STEPS, "cpu")


def interrupted(patch, interrupt, count, start, *arguments):
    with patch.context() as limited:
        interrupt(limited, count)
        with pytest.raises(Interrupted):
            start(*arguments)


# With checkpoints at 0, 5, 10 and 15 steps, and lines of the log at steps 0, 3, 6, 9, 12 and 14.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "steps"),
    [*((CONFIGS[0], steps) for steps in (0, 1, 3, 4, 5, 6, 9, 10, 12, 14)), *((CONFIGS[1], n) for n in (0, 4, 5, 13))],
)
def test_a_run_is_resumed_at_any_step(tmp_path, rows, whole_runs, monkeypatch, config, steps):
    interrupted(monkeypatch, interrupt_at_step, steps, train, rows, config, tmp_path, FIFTEEN_STEPS, "cpu")
    assert "checkpoint.safetensors" in file_contents(tmp_path)
    torch.manual_seed(steps)
    train(rows, config, tmp_path, FIFTEEN_STEPS, "cpu")
    assert file_contents(tmp_path) == whole_runs[config]


def test_a_run_is_resumed_again_and_again(tmp_path, rows, whole_runs, monkeypatch):
    for _ in range(2):
        interrupted(monkeypatch, interrupt_at_step, 6, train_topk, rows, tmp_path)
    with monkeypatch.context() as patch:
        interrupt_at_step(patch, 6)
        train_topk(rows, tmp_path)
    assert file_contents(tmp_path) == whole_runs[CONFIGS[0]]


# The beginning of the log, checkpoints after 0, 5, 10 and 15 steps, the dictionary.
@pytest.mark.parametrize("writes", range(6))
def test_a_run_is_resumed_after_a_write_that_was_cut_off(tmp_path, rows, whole_runs, monkeypatch, writes):
    interrupted(monkeypatch, interrupt_at_write, writes, train_topk, rows, tmp_path)
    train_topk(rows, tmp_path)
    assert file_contents(tmp_path) == whole_runs[CONFIGS[0]]


def test_a_run_that_only_had_to_remove_its_checkpoint_is_not_trained_again(tmp_path, rows, whole_runs, monkeypatch):
    def interrupt_at_removal(patch, _):
        def interrupt(_):
            raise Interrupted

        patch.setattr("visae.training._checkpoint.remove", interrupt)

    interrupted(monkeypatch, interrupt_at_removal, 0, train_topk, rows, tmp_path)
    assert sorted(file_contents(tmp_path)) == ["checkpoint.safetensors", *FILES]
    with monkeypatch.context() as patch:
        interrupt_at_step(patch, 0)
        train_topk(rows, tmp_path)
    assert file_contents(tmp_path) == whole_runs[CONFIGS[0]]


@pytest.mark.slow
def test_killed_processes_are_resumed(tmp_path):
    script = Path(__file__).with_name("killed.py")
    command = [sys.executable, str(script), str(tmp_path), "0", "0.003", "0.01"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["3", "killed"] * 2
    for name, members in (("single", 1), ("sweep", 5)):
        whole = file_contents(tmp_path / name / "whole")
        assert sorted(path.split("/")[-1] for path in whole) == sorted(FILES * members)
        assert file_contents(tmp_path / name / "killed") == whole


@pytest.fixture(scope="module")
def whole_members(whole_sweep):
    """The files that an uninterrupted sweep of these members leaves."""
    return {path: data for path, data in whole_sweep.items() if path.split("/")[0] in MEMBERS}


def test_the_steps_and_writes_of_a_sweep_are_those_that_these_tests_interrupt(tmp_path, rows, monkeypatch):
    counts = {"step": 0, "write_bytes": 0}

    def counted(owner, name):
        function = getattr(owner, name)

        def call(*arguments):
            counts[name] += 1
            return function(*arguments)

        monkeypatch.setattr(owner, name, call)

    counted(Group, "step")
    counted(files, "write_bytes")
    train_sweep(rows, tmp_path)
    assert counts == {"step": 12 * GROUPS, "write_bytes": WRITES}


@pytest.mark.slow
@pytest.mark.parametrize(("step", "groups"), [(0, 0), (1, 1), (4, 2), (5, 0), (6, 1), (9, 2), (10, 0), (11, 2)])
def test_a_sweep_is_resumed_where_some_of_its_groups_have_taken_a_step(
    tmp_path, rows, whole_members, monkeypatch, step, groups
):
    interrupted(monkeypatch, interrupt_at_step, GROUPS * step + groups, train_sweep, rows, tmp_path)
    assert not list(tmp_path.rglob("sae.safetensors"))
    torch.manual_seed(step)
    train_sweep(rows, tmp_path)
    assert file_contents(tmp_path) == whole_members


def test_every_kind_is_resumed(tmp_path, rows, whole_sweep, monkeypatch):
    interrupted(monkeypatch, interrupt_at_step, 7 * len(STACKS) + 3, train_sweep, rows, tmp_path, SWEEP)
    train_sweep(rows, tmp_path, SWEEP)
    assert file_contents(tmp_path) == whole_sweep


@pytest.mark.slow
@pytest.mark.parametrize("writes", [0, 5, 6, 7, 8, 9, 10, 13, WRITES - 1])
def test_a_sweep_is_resumed_after_a_write_that_was_cut_off(tmp_path, rows, whole_members, monkeypatch, writes):
    interrupted(monkeypatch, interrupt_at_write, writes, train_sweep, rows, tmp_path)
    torch.manual_seed(writes)
    train_sweep(rows, tmp_path)
    assert file_contents(tmp_path) == whole_members


def test_a_sweep_is_resumed_again_and_again(tmp_path, rows, whole_members, monkeypatch):
    interrupted(monkeypatch, interrupt_at_write, 8, train_sweep, rows, tmp_path)
    interrupted(monkeypatch, interrupt_at_step, 2 * GROUPS + 2, train_sweep, rows, tmp_path)
    interrupted(monkeypatch, interrupt_at_step, 1, train_sweep, rows, tmp_path)
    # From the checkpoint after 5 steps: in a dictionary; then, all steps done, in a log, and at the start.
    for writes in (11, 3, 0):
        interrupted(monkeypatch, interrupt_at_write, writes, train_sweep, rows, tmp_path)
    train_sweep(rows, tmp_path)
    assert file_contents(tmp_path) == whole_members


@pytest.fixture(scope="module")
def sweep_with_nan(tmp_path_factory, rows):
    """The files of an uninterrupted sweep in which a member has a NaN from step 6 on, and is stopped there."""
    folder = tmp_path_factory.mktemp("diverged")
    with pytest.MonkeyPatch.context() as patch:
        checkpoint_often(patch)
        make_nan(patch, "relu-weak", 6)
        train_sweep(rows, folder)
    return file_contents(folder)


@pytest.mark.parametrize("step", [4, 6, 9, 11])
def test_a_sweep_is_resumed_before_and_after_a_member_diverged(tmp_path, rows, sweep_with_nan, monkeypatch, step):
    make_nan(monkeypatch, "relu-weak", 6)
    interrupted(monkeypatch, interrupt_at_step, GROUPS * step + 1, train_sweep, rows, tmp_path)
    saes = train_sweep(rows, tmp_path)
    assert [name for name, sae in saes.items() if "stopped" in sae.about] == ["relu-weak"]
    resumed = file_contents(tmp_path)
    assert resumed.keys() == sweep_with_nan.keys()
    assert [path for path in resumed if resumed[path] != sweep_with_nan[path]] == []


def test_an_interrupted_extension_is_resumed(tmp_path, rows, whole_members, monkeypatch):
    """A member whose stack is partly finished is trained alone, as it is without an interruption."""
    finished = {path: data for path, data in whole_members.items() if path.split("/")[0] in ("topk-k1", "pca")}
    for folder in ("whole", "interrupted"):
        write_files(tmp_path / folder, finished)
    train_sweep(rows, tmp_path / "whole")
    interrupted(monkeypatch, interrupt_at_step, GROUPS * 6, train_sweep, rows, tmp_path / "interrupted")
    train_sweep(rows, tmp_path / "interrupted")
    assert file_contents(tmp_path / "interrupted") == file_contents(tmp_path / "whole")


def test_an_interrupted_sweep_is_not_extended(tmp_path, rows, monkeypatch):
    members = {name: SWEEP[name] for name in ("gated", "pca")}
    interrupted(monkeypatch, interrupt_at_step, 6, train_sweep, rows, tmp_path, members)
    before = file_contents(tmp_path)
    with pytest.raises(VisaeError, match=r"unfinished sweep of 2 SAEs, but this one has 3"):
        train_sweep(rows, tmp_path, {**members, "more": SAESpec(TopK(width=16, k=2))})
    assert file_contents(tmp_path) == before


def test_checkpoints_come_with_refreshes(monkeypatch):
    """What a refresh derives is not in a checkpoint, so that it must be derived again right after each."""
    monkeypatch.undo()
    assert trainer._STEPS_PER_CHECKPOINT % trainer._STEPS_PER_REFRESH == 0
