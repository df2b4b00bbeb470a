"""What tests of training share: a store, runs that were not interrupted, and lines and checkpoints that come often."""

import pytest
from stores import CONFIGS, FEW, SHORT, SWEEP, content, planted

from visae.training import _trainer as trainer
from visae.training import train, train_many


def make_often(patch):
    patch.setattr(trainer, "_STEPS_PER_CHECKPOINT", 5)
    patch.setattr(trainer, "_STEPS_PER_REFRESH", 5)
    patch.setattr(trainer, "_STEPS_PER_LINE", 3)


@pytest.fixture(autouse=True)
def often(monkeypatch):
    make_often(monkeypatch)


@pytest.fixture(scope="session")
def rows(tmp_path_factory):
    return planted(tmp_path_factory.mktemp("training") / "rows", 1000)[0]


@pytest.fixture(scope="session")
def whole(tmp_path_factory, rows):
    """What training leaves that is not interrupted, by config."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        make_often(patch)
        for config in CONFIGS:
            train(rows, config, folder / config.kind, SHORT, "cpu")
    return {config: content(folder / config.kind) for config in CONFIGS}


@pytest.fixture(scope="session")
def whole_sweep(tmp_path_factory, rows):
    """What a sweep leaves that is not interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "sweep"
    with pytest.MonkeyPatch.context() as patch:
        make_often(patch)
        train_many(rows, SWEEP, folder, FEW, "cpu")
    return content(folder)
