"""What tests of training share: a store, runs that were not interrupted, and lines and checkpoints that come often."""

import pytest
from stores import FEW, RECIPES, SHORT, SWEEP, content, planted

from visae.training import _trainer as passing
from visae.training import train, train_many


def make_often(patch):
    patch.setattr(passing, "_STEPS_A_CHECKPOINT", 5)
    patch.setattr(passing, "_STEPS_A_REFRESH", 5)
    patch.setattr(passing, "_STEPS_A_LINE", 3)


@pytest.fixture(autouse=True)
def often(monkeypatch):
    make_often(monkeypatch)


@pytest.fixture(scope="session")
def rows(tmp_path_factory):
    return planted(tmp_path_factory.mktemp("training") / "rows", 1000)[0]


@pytest.fixture(scope="session")
def whole(tmp_path_factory, rows):
    """What training leaves that is not interrupted, by recipe."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        make_often(patch)
        for recipe in RECIPES:
            train(rows, recipe, folder / recipe.kind, SHORT, "cpu")
    return {recipe: content(folder / recipe.kind) for recipe in RECIPES}


@pytest.fixture(scope="session")
def whole_sweep(tmp_path_factory, rows):
    """What a sweep leaves that is not interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "sweep"
    with pytest.MonkeyPatch.context() as patch:
        make_often(patch)
        train_many(rows, SWEEP, folder, FEW, "cpu")
    return content(folder)
