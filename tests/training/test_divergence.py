import pytest
import torch
from stores import RECIPES, SHORT, store_of

from visae import files
from visae.errors import VisaeError
from visae.sae import ReLU
from visae.training import Training, loop, train


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_rate_that_is_far_too_high_is_an_error(tmp_path, rows, recipe):
    wild = Training(epochs=3, batch=100, lr=1e6)
    for _ in range(2):
        with pytest.raises(
            VisaeError, match=r"training diverged at step \d+ \(error .*\); use a lower --lr, and a new"
        ):
            train(rows, recipe, tmp_path / "run", wild, "cpu")
    assert not (tmp_path / "run" / "sae.safetensors").exists()


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(("moment", "found", "kept"), [(12, 12, 10), (8, 9, 5), (13, 14, 10), (26, 26, 25), (2, 3, 0)])
def test_what_is_no_number_is_found_before_it_is_kept(tmp_path, rows, monkeypatch, recipe, moment, found, kept):
    """A checkpoint is always from before: the steps up to it are looked at even where no line is due."""
    step, now = loop._step, [0]

    def poisoned(sae, optimiser, x, warmth):
        now[0] += 1
        return step(sae, optimiser, x * torch.nan if now[0] > moment else x, warmth)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_step", poisoned)
        with pytest.raises(VisaeError, match=f"diverged at step {found} "):
            train(rows, recipe, tmp_path / "run", SHORT, "cpu")
    assert not (tmp_path / "run" / "sae.safetensors").exists()
    path = tmp_path / "run" / "checkpoint.safetensors"
    assert path.exists() == bool(kept)
    if kept:
        tensors, header = files.read_tensors(path, 1)
        assert header["step"] == kept
        assert all(bool(tensor.isfinite().all()) for tensor in tensors.values())


def test_a_last_step_that_goes_wrong_is_found(tmp_path, rows, monkeypatch):
    """The loss is of before the step; what the step left must be looked at too."""
    step = loop._step

    def poisoning(sae, *rest):
        terms = step(sae, *rest)
        with torch.no_grad():
            sae.encoder[0, 0] = torch.inf
        return terms

    monkeypatch.setattr(loop, "_step", poisoning)
    one = Training(epochs=1, batch=900)
    with pytest.raises(VisaeError, match="diverged at step 0"):
        train(rows, RECIPES[0], tmp_path / "run", one, "cpu")


@pytest.mark.parametrize(("holdout", "which"), [(0.1, "the held-out rows"), (0.0, "the rows")])
def test_rows_that_are_all_alike_are_refused(tmp_path, holdout, which):
    rows = store_of(tmp_path / "rows", torch.full((100, 3), 1.5))
    with pytest.raises(VisaeError, match=f"{which} of .* are all alike; capture more images, or another layer"):
        train(rows, ReLU(width=4), tmp_path / "run", Training(batch=10, holdout=holdout), "cpu")
    assert not (tmp_path / "run").exists()


def test_too_few_rows_are_refused_and_leave_nothing(tmp_path, rows):
    with pytest.raises(VisaeError, match=r"a batch is 2,048 rows, .* has 900 to train on"):
        train(rows, RECIPES[0], tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()
