"""Ctrl-C and SIGTERM leave a checkpoint of the current step; checkpoints by time fall on any step."""

import signal
import threading

import pytest
from stores import FIFTEEN_STEPS, STACKS, SWEEP, TWELVE_STEPS, file_contents

from visae.training import _checkpoint as checkpoint
from visae.training import _trainer as trainer
from visae.training import train, train_many
from visae.training._group import Group
from visae.training._interruption import Interruption


class Terminated(Exception):  # noqa: N818 - it stands for the end of the process
    pass


def terminate(*_):
    raise Terminated


@pytest.fixture
def handlers():
    """Let SIGTERM raise an exception, for as long as a test runs."""
    before = signal.signal(signal.SIGTERM, terminate)
    yield
    signal.signal(signal.SIGTERM, before)


def signal_in_step(patch, number, count):
    """Send a signal while a step is being taken, after this many others, counted over all groups."""
    step, left = Group.step, [count]

    def signalled(*arguments):
        terms = step(*arguments)
        left[0] -= 1
        if left[0] == -1:
            signal.raise_signal(number)
        return terms

    patch.setattr(Group, "step", signalled)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
@pytest.mark.parametrize("step", [0, 6, 13])
def test_a_signal_leaves_a_checkpoint_of_the_current_step(tmp_path, rows, monkeypatch, capsys, number, error, step):
    config = SWEEP["topk-k1"].config
    with monkeypatch.context() as patch:
        signal_in_step(patch, number, step)
        with pytest.raises(error):
            train(rows, config, tmp_path / "run", FIFTEEN_STEPS, "cpu")
    settings = train_settings(tmp_path / "run")
    assert checkpoint.restore(tmp_path / "run", settings).step == step + 1
    assert f"stopped after step {step + 1}, with a checkpoint" in capsys.readouterr().err
    train(rows, config, tmp_path / "run", FIFTEEN_STEPS, "cpu")
    train(rows, config, tmp_path / "whole", FIFTEEN_STEPS, "cpu")
    assert file_contents(tmp_path / "run") == file_contents(tmp_path / "whole")


def train_settings(folder):
    """Return the settings that a checkpoint was written with."""
    _, header = checkpoint.files.read_tensors(folder / checkpoint.FILE, checkpoint.SCHEMA)
    return header["settings"]


@pytest.mark.parametrize("step", [1, 4, 7, 11])
def test_every_kind_is_resumed_from_a_checkpoint_between_refreshes(tmp_path, rows, whole_sweep, monkeypatch, step):
    with monkeypatch.context() as patch:
        signal_in_step(patch, signal.SIGINT, step * len(STACKS) - 2)
        with pytest.raises(KeyboardInterrupt):
            train_many(rows, SWEEP, tmp_path, TWELVE_STEPS, "cpu")
    train_many(rows, SWEEP, tmp_path, TWELVE_STEPS, "cpu")
    assert file_contents(tmp_path) == whole_sweep


def test_checkpoints_come_by_time_too(tmp_path, rows, monkeypatch):
    save, steps = checkpoint.save, []

    def recorded(folder, state, settings):
        steps.append(state.step)
        save(folder, state, settings)

    monkeypatch.setattr(checkpoint, "save", recorded)
    monkeypatch.setattr(trainer, "_SECONDS_PER_CHECKPOINT", -1.0)
    train(rows, SWEEP["topk-k1"].config, tmp_path, FIFTEEN_STEPS, "cpu")
    assert steps == list(range(16))


def test_the_second_signal_acts_at_once():
    with Interruption() as interruption:
        signal.raise_signal(signal.SIGINT)
        assert interruption.received == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_handlers_are_restored_even_after_an_error():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(RuntimeError), Interruption():
        raise RuntimeError
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_other_threads_train_without_handlers():
    before, during = signal.getsignal(signal.SIGINT), []

    def enter():
        with Interruption():
            during.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert during == [before]
