"""Members of a sweep that diverge, and those that go on."""

import pytest
import safetensors.torch
import torch
from stops import poison
from stores import FEW, SWEEP, content

from visae._support.errors import VisaeError
from visae.sae import PCA, Gated, ReLU, TopK, load
from visae.training import SAESpec, TrainingConfig, train_many
from visae.training import _checkpoint as checkpoint
from visae.training._group import without_prefix

# The first step whose result is bad, and what of it, the step at which it is found, those of the last good checkpoint.
MOMENTS = [
    (0, "a parameter", 0, 0),
    (0, "the loss", 0, 0),
    (1, "a parameter", 3, 0),
    (4, "the loss", 4, 0),
    (5, "the loss", 6, 5),
    (7, "a parameter", 9, 5),
    (10, "the loss", 11, 10),
    (11, "a parameter", 11, 10),
]


def sweep(rows, out, members=SWEEP, training=FEW):
    return train_many(rows, members, out, training, "cpu")


PARTNER = {"relu-weak": "relu-strong", "relu-strong": "relu-weak", "topk-k1": "topk-k3", "topk-k3": "topk-k1"}


def others_are_as(whole, found, lost):
    """To the bit; a partner in the stack of one that is lost goes on in a smaller one, with sums in another order."""
    assert found.keys() == whole.keys()
    near = {PARTNER[name] for name in lost if name in PARTNER} - set(lost)
    others = [path for path in found if path.split("/")[0] not in {*lost, *near}]
    assert [path for path in others if found[path] != whole[path]] == []
    for name in near:
        tensors, good = (safetensors.torch.load(of[f"{name}/sae.safetensors"]) for of in (found, whole))
        for key, tensor in tensors.items():
            torch.testing.assert_close(tensor, good[key], rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def states(tmp_path_factory, rows):
    """The checkpoints of a sweep in which all is well, by their steps."""
    found, save = {}, checkpoint.save
    with pytest.MonkeyPatch.context() as patch:
        for name, steps in {"_STEPS_PER_CHECKPOINT": 5, "_STEPS_PER_REFRESH": 5, "_STEPS_PER_LINE": 3}.items():
            patch.setattr(f"visae.training._trainer.{name}", steps)

        def kept(folder, state, settings):
            found[state.step] = dict(state.tensors)
            save(folder, state, settings)

        patch.setattr(checkpoint, "save", kept)
        sweep(rows, tmp_path_factory.mktemp("states"))
    return found


@pytest.mark.parametrize(("moment", "where", "found", "kept"), MOMENTS)
def test_one_is_stopped_with_its_last_good_state(
    tmp_path, rows, monkeypatch, capsys, whole_sweep, states, moment, where, found, kept
):
    poison(monkeypatch, "relu-weak", moment, where)
    saes = sweep(rows, tmp_path)
    said = saes["relu-weak"].about["stopped"]
    assert f"diverged at step {found} (" in said
    assert said.endswith(f"; what is kept is its state at step {kept}")
    # On a slow machine there are lines of progress besides.
    assert f"train: relu-weak {said}" in capsys.readouterr().err.splitlines()
    good = without_prefix(states[kept], "relu-weak/sae.")
    for sae in (saes["relu-weak"], load(tmp_path / "relu-weak")):
        assert all(
            torch.equal(tensor, good[name]) for name, tensor in sae.state_dict().items() if name != "rows_since_fired"
        )
    assert [name for name, sae in saes.items() if "stopped" in sae.about] == ["relu-weak"]
    others_are_as(whole_sweep, content(tmp_path), ["relu-weak"])


@pytest.mark.parametrize("name", [name for name in SWEEP if name not in ("relu-weak", "pca")])
def test_whoever_is_stopped_others_are_as_without_it(tmp_path, rows, monkeypatch, whole_sweep, name):
    poison(monkeypatch, name, 3)
    saes = sweep(rows, tmp_path)
    assert saes[name].about["stopped"].startswith("diverged at step 3 (")
    assert all("stopped" not in sae.about for other, sae in saes.items() if other != name)
    others_are_as(whole_sweep, content(tmp_path), [name])


def test_several_are_stopped_at_once_and_one_after_the_other(tmp_path, rows, monkeypatch, whole_sweep):
    for name, moment in {"relu-weak": 2, "relu-strong": 2, "gated": 3, "block": 8}.items():
        poison(monkeypatch, name, moment)
    saes = sweep(rows, tmp_path)
    stopped = {name: sae.about["stopped"].split(" (")[0] for name, sae in saes.items() if "stopped" in sae.about}
    assert stopped == {
        "relu-weak": "diverged at step 3",
        "relu-strong": "diverged at step 3",
        "gated": "diverged at step 3",
        "block": "diverged at step 9",
    }
    others_are_as(whole_sweep, content(tmp_path), stopped)


@pytest.mark.parametrize(
    ("sound", "absurd"),
    [(ReLU(width=16, l1=0.1), ReLU(width=16, l1=1e12)), (Gated(width=16, l1=0.1), Gated(width=16, l1=1e12))],
)
def test_an_absurd_penalty_stops_its_own_sae(tmp_path, rows, sound, absurd):
    members = {"sound": SAESpec(sound), "absurd": SAESpec(absurd), "other": SAESpec(TopK(width=16, k=2))}
    saes = sweep(rows, tmp_path, members)
    assert [name for name, sae in saes.items() if "stopped" in sae.about] == ["absurd"]
    assert "state at step 0" in saes["absurd"].about["stopped"]
    alone = sweep(rows, tmp_path / "alone", {"sound": members["sound"]})
    for name, tensor in alone["sound"].state_dict().items():
        torch.testing.assert_close(saes["sound"].state_dict()[name], tensor, rtol=1e-5, atol=1e-6)


def test_a_finished_sweep_says_again_who_was_stopped(tmp_path, rows, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        poison(patch, "gated", 3)
        sweep(rows, tmp_path)
    before, said = content(tmp_path), _stopped(capsys)
    again = sweep(rows, tmp_path)
    assert said.split(" ", 2)[2] == _stopped(capsys).split(" ", 2)[2]
    assert "stopped" in again["gated"].about
    assert content(tmp_path) == before


@pytest.mark.parametrize(
    "members",
    [
        {"one": SAESpec(TopK(width=16, k=2))},
        {"one": SAESpec(TopK(width=16, k=2)), "two": SAESpec(TopK(width=16, k=1)), "three": SAESpec(ReLU(width=16))},
    ],
)
def test_where_all_are_lost_there_is_an_error(tmp_path, rows, members):
    for _ in range(2):
        with pytest.raises(
            VisaeError, match=r"training diverged at step \d.*use a lower learning rate or penalty, and a new folder"
        ):
            sweep(rows, tmp_path, members, TrainingConfig(epochs=2, batch=150, lr=1e6))
    assert not list(tmp_path.rglob("sae.safetensors"))


def test_a_baseline_outlives_all_others(tmp_path, rows):
    members = {"one": SAESpec(TopK(width=16, k=2)), "pca": SAESpec(PCA())}
    saes = sweep(rows, tmp_path, members, TrainingConfig(epochs=2, batch=150, lr=1e6))
    assert "stopped" in saes["one"].about
    assert saes["pca"].about["metrics"]["explained_variance"] > 0.99


def _stopped(capsys):
    """The line that says who was stopped, among those of progress."""
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "diverged" in line]
    return line
