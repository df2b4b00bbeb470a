"""A store, runs that were not interrupted, and log lines and checkpoints that come often."""

import pytest
from interruptions import checkpoint_often
from stores import CONFIGS, FIFTEEN_STEPS, SWEEP, TWELVE_STEPS, file_contents, write_planted_store

from visae.training import train, train_many


@pytest.fixture(autouse=True)
def frequent_checkpoints(monkeypatch):
    """Checkpoints and refreshes every 5 steps, lines of the log every 3."""
    checkpoint_often(monkeypatch)


@pytest.fixture(scope="session")
def rows(tmp_path_factory):
    """1,000 rows of 100 images."""
    return write_planted_store(tmp_path_factory.mktemp("training") / "rows", 1000)[0]


@pytest.fixture(scope="session")
def whole_runs(tmp_path_factory, rows):
    """The files that an uninterrupted run leaves, by config."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        checkpoint_often(patch)
        for config in CONFIGS:
            train(rows, config, folder / config.kind, FIFTEEN_STEPS, "cpu")
    return {config: file_contents(folder / config.kind) for config in CONFIGS}


@pytest.fixture(scope="session")
def whole_sweep(tmp_path_factory, rows):
    """The files that an uninterrupted sweep leaves."""
    folder = tmp_path_factory.mktemp("whole") / "sweep"
    with pytest.MonkeyPatch.context() as patch:
        checkpoint_often(patch)
        train_many(rows, SWEEP, folder, TWELVE_STEPS, "cpu")
    return file_contents(folder)
