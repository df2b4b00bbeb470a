"""Runs that diverge, and members of a sweep that diverge while the others go on."""

import pytest
import safetensors.torch
import torch
from interruptions import checkpoint_often, make_nan
from stores import CONFIGS, FIFTEEN_STEPS, STACKS, SWEEP, TWELVE_STEPS, file_contents, write_store

from visae._support import files
from visae._support.errors import VisaeError
from visae.sae import PCA, Gated, ReLU, TopK, load
from visae.training import SAESpec, TrainingConfig, train, train_many
from visae.training import _checkpoint as checkpoint
from visae.training._group import Group, without_prefix

ADVICE = r"training diverged at step \d+ \(error .*\); .*lower learning rate or penalty, and a new folder"
ABSURD_RATE = TrainingConfig(rows_seen=1800, batch=150, lr=1e6)


@pytest.mark.parametrize("config", CONFIGS)
def test_a_learning_rate_far_too_high_is_an_error(tmp_path, rows, config):
    for _ in range(2):
        with pytest.raises(VisaeError, match=ADVICE):
            train(rows, config, tmp_path / "run", ABSURD_RATE, "cpu")
    assert not (tmp_path / "run" / "sae.safetensors").exists()


# The step from which on a number is NaN, the step at which that is noticed, and the steps of the checkpoint before it.
RUN_STEPS = [(0, 0, 0), (1, 3, 0), (4, 4, 0), (5, 6, 5), (7, 9, 5), (9, 9, 5), (10, 12, 10), (14, 14, 10)]


@pytest.mark.parametrize(("config", "target"), list(zip(CONFIGS, ("a parameter", "the loss"), strict=True)))
@pytest.mark.parametrize(("first_nan", "noticed", "kept"), RUN_STEPS)
def test_nan_is_noticed_before_it_is_saved(tmp_path, rows, monkeypatch, config, target, first_nan, noticed, kept):
    """At the latest at the next checkpoint, even where no line of the log is due."""
    save, saved = checkpoint.save, {}

    def recorded(folder, state, settings):
        saved[state.step] = state.tensors
        save(folder, state, settings)

    monkeypatch.setattr(checkpoint, "save", recorded)
    make_nan(monkeypatch, "", first_nan, target)
    for _ in range(2):
        with pytest.raises(VisaeError, match=rf"diverged at step {noticed} .* its state at step {kept};"):
            train(rows, config, tmp_path / "run", FIFTEEN_STEPS, "cpu")
    assert not (tmp_path / "run" / "sae.safetensors").exists()
    tensors, _ = files.read_tensors(tmp_path / "run" / "checkpoint.safetensors", checkpoint.SCHEMA)
    assert "/sae.decoder" in tensors
    assert [name for name, tensor in tensors.items() if not torch.equal(tensor, saved[kept][name])] == []
    assert all(bool(tensor.isfinite().all()) for tensor in tensors.values())


def test_a_last_step_that_diverges_is_noticed(tmp_path, rows, monkeypatch):
    """The loss is from before the step; the parameters that the step left are checked too."""
    make_nan(monkeypatch, "", 0)
    with pytest.raises(VisaeError, match="diverged at step 0"):
        train(rows, CONFIGS[0], tmp_path / "run", TrainingConfig(rows_seen=900, batch=900), "cpu")


def test_training_ends_when_the_only_member_diverged(tmp_path, rows, monkeypatch):
    step, taken = Group.step, []

    def recorded(group, *arguments):
        taken.append(list(group.members))
        return step(group, *arguments)

    monkeypatch.setattr(Group, "step", recorded)
    make_nan(monkeypatch, "", 2)
    with pytest.raises(VisaeError, match="diverged at step 3"):
        train(rows, CONFIGS[0], tmp_path / "run", FIFTEEN_STEPS, "cpu")
    assert taken == [[""]] * 4


@pytest.mark.parametrize(("holdout", "which"), [(0.1, "the held-out rows"), (0.0, "the rows")])
def test_constant_rows_are_refused(tmp_path, holdout, which):
    rows = write_store(tmp_path / "rows", torch.full((100, 3), 1.5))
    with pytest.raises(VisaeError, match=f"{which} of .* constant"):
        train(rows, ReLU(width=4), tmp_path / "run", TrainingConfig(batch=10, holdout=holdout), "cpu")
    assert not (tmp_path / "run").exists()


def test_fewer_rows_than_a_batch_are_refused_and_nothing_is_written(tmp_path, rows):
    with pytest.raises(VisaeError, match=r"a batch is 2,048 rows, .* has 900"):
        train(rows, CONFIGS[0], tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def train_sweep(rows, out, members=SWEEP, training=TWELVE_STEPS):
    return train_many(rows, members, out, training, "cpu")


def stack_of(name):
    return next(stack for stack in STACKS if name in stack)


def others_are_unchanged(whole, contents, diverged):
    """Compare members with the sweep in which none diverged: to the bit, but for what shared a stack with one that did.

    Those go on in a smaller stack, which sums in another order.
    """
    assert contents.keys() <= whole.keys()
    near = {name for other in diverged for name in stack_of(other)} - set(diverged)
    to_the_bit = [path for path in contents if path.split("/")[0] not in {*diverged, *near}]
    assert to_the_bit
    assert [path for path in to_the_bit if contents[path] != whole[path]] == []
    for name in near:
        tensors, expected = (safetensors.torch.load(run[f"{name}/sae.safetensors"]) for run in (contents, whole))
        for key, tensor in tensors.items():
            torch.testing.assert_close(tensor, expected[key], rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory, rows):
    """The tensors of every checkpoint of a sweep in which none diverges, by its step."""
    by_step, save = {}, checkpoint.save
    with pytest.MonkeyPatch.context() as patch:
        checkpoint_often(patch)

        def recorded(folder, state, settings):
            by_step[state.step] = dict(state.tensors)
            save(folder, state, settings)

        patch.setattr(checkpoint, "save", recorded)
        train_sweep(rows, tmp_path_factory.mktemp("checkpoints"))
    return by_step


# Of the sweep: as above, with what becomes NaN.
SWEEP_STEPS = [
    (0, "a parameter", 0, 0),
    (0, "the loss", 0, 0),
    (1, "a parameter", 3, 0),
    (4, "the loss", 4, 0),
    (5, "the loss", 6, 5),
    (7, "a parameter", 9, 5),
    (10, "the loss", 11, 10),
    (11, "a parameter", 11, 10),
]


@pytest.mark.slow
@pytest.mark.parametrize(("first_nan", "target", "noticed", "kept"), SWEEP_STEPS)
def test_a_member_that_diverges_keeps_its_last_good_state(
    tmp_path, rows, monkeypatch, capsys, whole_sweep, checkpoints, first_nan, target, noticed, kept
):
    make_nan(monkeypatch, "relu-weak", first_nan, target)
    members = {name: SWEEP[name] for name in ("relu-weak", "relu-strong", "gated", "pca")}
    saes = train_sweep(rows, tmp_path, members)
    reason = saes["relu-weak"].about["stopped"]
    assert f"diverged at step {noticed} (" in reason
    assert reason.endswith(f"state at step {kept}")
    # On a slow machine there are lines of progress besides.
    assert f"train: relu-weak {reason}" in capsys.readouterr().err.splitlines()
    good = without_prefix(checkpoints[kept], "relu-weak/sae.")
    for sae in (saes["relu-weak"], load(tmp_path / "relu-weak")):
        tensors = {name: tensor for name, tensor in sae.state_dict().items() if name != "rows_since_fired"}
        assert [name for name, tensor in tensors.items() if not torch.equal(tensor, good[name])] == []
    assert [name for name, sae in saes.items() if "stopped" in sae.about] == ["relu-weak"]
    others_are_unchanged(whole_sweep, file_contents(tmp_path), ["relu-weak"])


@pytest.mark.parametrize("name", [name for name in SWEEP if name not in ("relu-weak", "pca")])
def test_a_member_of_any_kind_diverges_alone(tmp_path, rows, monkeypatch, whole_sweep, name):
    make_nan(monkeypatch, name, 3)
    bystanders = {"jumprelu" if name == "gated" else "gated", "pca"}
    members = {other: member for other, member in SWEEP.items() if other in {*stack_of(name), *bystanders}}
    saes = train_sweep(rows, tmp_path, members)
    assert saes[name].about["stopped"].startswith("diverged at step 3 (")
    assert all("stopped" not in sae.about for other, sae in saes.items() if other != name)
    others_are_unchanged(whole_sweep, file_contents(tmp_path), [name])


def test_several_members_diverge_at_the_same_step_and_at_different_ones(tmp_path, rows, monkeypatch, whole_sweep):
    for name, first_nan in {"relu-weak": 2, "relu-strong": 2, "gated": 3, "block": 8}.items():
        make_nan(monkeypatch, name, first_nan)
    saes = train_sweep(rows, tmp_path)
    stopped = {name: sae.about["stopped"].split(" (")[0] for name, sae in saes.items() if "stopped" in sae.about}
    assert stopped == {
        "relu-weak": "diverged at step 3",
        "relu-strong": "diverged at step 3",
        "gated": "diverged at step 3",
        "block": "diverged at step 9",
    }
    others_are_unchanged(whole_sweep, file_contents(tmp_path), stopped)
    assert file_contents(tmp_path).keys() == whole_sweep.keys()


@pytest.mark.parametrize("kind", [ReLU, Gated])
def test_an_absurd_penalty_stops_only_its_own_sae(tmp_path, rows, kind):
    members = {
        "sound": SAESpec(kind(width=16, l1=0.1)),
        "absurd": SAESpec(kind(width=16, l1=1e12)),
        "other": SAESpec(TopK(width=16, k=2)),
    }
    saes = train_sweep(rows, tmp_path, members)
    assert [name for name, sae in saes.items() if "stopped" in sae.about] == ["absurd"]
    assert "state at step 0" in saes["absurd"].about["stopped"]
    alone = train_sweep(rows, tmp_path / "alone", {"sound": members["sound"]})
    for name, tensor in alone["sound"].state_dict().items():
        torch.testing.assert_close(saes["sound"].state_dict()[name], tensor, rtol=1e-5, atol=1e-6)


def test_a_finished_sweep_says_again_which_members_were_stopped(tmp_path, rows, monkeypatch, capsys):
    members = {name: SWEEP[name] for name in ("gated", "relu-weak")}
    with monkeypatch.context() as patch:
        make_nan(patch, "gated", 3)
        train_sweep(rows, tmp_path, members)
    before, line = file_contents(tmp_path), line_about_divergence(capsys)
    again = train_sweep(rows, tmp_path, members)
    # The first word after `train:` is the member's name, and then its folder.
    assert line_about_divergence(capsys).split(" ", 2)[2] == line.split(" ", 2)[2]
    assert "stopped" in again["gated"].about
    assert file_contents(tmp_path) == before


def line_about_divergence(capsys):
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "diverged" in line]
    return line


@pytest.mark.parametrize(
    "members",
    [
        {"one": SAESpec(TopK(width=16, k=2))},
        {"one": SAESpec(TopK(width=16, k=2)), "two": SAESpec(TopK(width=16, k=1)), "three": SAESpec(ReLU(width=16))},
    ],
)
def test_a_sweep_whose_members_all_diverge_is_an_error(tmp_path, rows, members):
    for _ in range(2):
        with pytest.raises(VisaeError, match=ADVICE):
            train_sweep(rows, tmp_path, members, ABSURD_RATE)
    assert not list(tmp_path.rglob("sae.safetensors"))


def test_a_baseline_is_kept_when_all_others_diverge(tmp_path, rows):
    members = {"one": SAESpec(TopK(width=16, k=2)), "pca": SAESpec(PCA())}
    saes = train_sweep(rows, tmp_path, members, ABSURD_RATE)
    assert "stopped" in saes["one"].about
    assert saes["pca"].about["metrics"]["explained_variance"] > 0.99
