import pytest
import torch
from stops import poison
from stores import CONFIGS, SHORT, store_of

from visae._support import files
from visae._support.errors import VisaeError
from visae.sae import ReLU
from visae.training import TrainingConfig, train
from visae.training import _checkpoint as checkpoint
from visae.training._group import Group

SAID = r"training diverged at step \d+ \(error .*\); .*use a lower learning rate or penalty, and a new folder"


@pytest.mark.parametrize("config", CONFIGS)
def test_a_rate_that_is_far_too_high_is_an_error(tmp_path, rows, config):
    wild = TrainingConfig(epochs=3, batch=100, lr=1e6)
    for _ in range(2):
        with pytest.raises(VisaeError, match=SAID):
            train(rows, config, tmp_path / "run", wild, "cpu")
    assert not (tmp_path / "run" / "sae.safetensors").exists()


# The first step whose result is bad, that at which it is found, and the steps of the last checkpoint before it.
MOMENTS = [(0, 0, 0), (1, 3, 0), (4, 4, 0), (5, 6, 5), (7, 9, 5), (9, 9, 5), (10, 12, 10), (14, 14, 10)]


@pytest.mark.parametrize(("config", "where"), list(zip(CONFIGS, ("a parameter", "the loss"), strict=True)))
@pytest.mark.parametrize(("moment", "found", "kept"), MOMENTS)
def test_what_is_no_number_is_found_before_it_is_kept(tmp_path, rows, monkeypatch, config, moment, found, kept, where):
    """A checkpoint is always from before: the steps up to it are looked at even where no line is due."""
    save, good = checkpoint.save, {}

    def seen(folder, state, settings):
        good[state.step] = state.tensors
        save(folder, state, settings)

    monkeypatch.setattr(checkpoint, "save", seen)
    poison(monkeypatch, "", moment, where)
    for _ in range(2):
        with pytest.raises(VisaeError, match=rf"diverged at step {found} .* its state at step {kept};"):
            train(rows, config, tmp_path / "run", SHORT, "cpu")
    assert not (tmp_path / "run" / "sae.safetensors").exists()
    tensors, _ = files.read_tensors(tmp_path / "run" / "checkpoint.safetensors", 3)
    assert "/sae.decoder" in tensors
    assert [name for name, tensor in tensors.items() if not torch.equal(tensor, good[kept][name])] == []
    assert all(bool(tensor.isfinite().all()) for tensor in tensors.values())


def test_a_last_step_that_goes_wrong_is_found(tmp_path, rows, monkeypatch):
    """The loss is of before the step; what the step left must be looked at too."""
    poison(monkeypatch, "", 0)
    with pytest.raises(VisaeError, match="diverged at step 0"):
        train(rows, CONFIGS[0], tmp_path / "run", TrainingConfig(epochs=1, batch=900), "cpu")


def test_what_is_lost_is_not_trained_on(tmp_path, rows, monkeypatch):
    step, made = Group.step, []

    def counted(group, *arguments):
        made.append(list(group.members))
        return step(group, *arguments)

    monkeypatch.setattr(Group, "step", counted)
    poison(monkeypatch, "", 2)
    with pytest.raises(VisaeError, match="diverged at step 3"):
        train(rows, CONFIGS[0], tmp_path / "run", SHORT, "cpu")
    assert made == [[""]] * 4


@pytest.mark.parametrize(("holdout", "which"), [(0.1, "the held-out rows"), (0.0, "the rows")])
def test_rows_that_are_all_alike_are_refused(tmp_path, holdout, which):
    rows = store_of(tmp_path / "rows", torch.full((100, 3), 1.5))
    with pytest.raises(VisaeError, match=f"{which} of .* are all alike; capture more images, or another layer"):
        train(rows, ReLU(width=4), tmp_path / "run", TrainingConfig(batch=10, holdout=holdout), "cpu")
    assert not (tmp_path / "run").exists()


def test_too_few_rows_are_refused_and_leave_nothing(tmp_path, rows):
    with pytest.raises(VisaeError, match=r"a batch is 2,048 rows, .* has 900 to train on"):
        train(rows, CONFIGS[0], tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()
