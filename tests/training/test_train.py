"""Training one SAE, and a sweep of them in one pass."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from interruptions import Interrupted, interrupt_at_step
from stores import (
    CONFIGS,
    FIFTEEN_STEPS,
    FILES,
    STACKS,
    SWEEP,
    TWELVE_STEPS,
    file_contents,
    write_files,
    write_planted_store,
)

from visae._support.errors import VisaeError
from visae.metrics import fidelity, helping, neurons_explained_variance, recovery
from visae.sae import BatchTopK, Matryoshka, ReLU, TopK, load
from visae.training import SAESpec, TrainingConfig, train, train_many
from visae.training._batches import Batches
from visae.training._group import Group

# Two of the kinds again, with seeds that differ from that of training.
SEEDS = {f"{kind}-{seed}": SAESpec(SWEEP[kind].config, seed) for kind in ("topk-k1", "relu-weak") for seed in (5, 6)}

AVERAGE_K = [kind(width=24, k=k, dead_after=10**9) for kind in (BatchTopK, Matryoshka) for k in (2, 4)]


def train_sweep(rows, out, members=SWEEP, training=TWELVE_STEPS):
    return train_many(rows, members, out, training, "cpu")


def log_lines(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_run_leaves_a_dictionary_and_a_log(tmp_path, rows, whole_runs, config):
    sae = train(rows, config, tmp_path / "run", FIFTEEN_STEPS, "cpu")
    assert file_contents(tmp_path / "run") == whole_runs[config]
    assert sorted(whole_runs[config]) == FILES
    lines = log_lines(tmp_path / "run")
    assert [line["step"] for line in lines] == [0, 3, 6, 9, 12, 14]
    second_term = "aux" if config.kind == "topk" else "sparsity"
    assert {tuple(line) for line in lines} == {("step", "error", second_term, "silent")}
    assert lines[-1]["error"] < lines[0]["error"]
    loaded = load(tmp_path / "run")
    assert loaded.about == sae.about
    for name in ("encoder", "decoder", "bias", "scale"):
        assert torch.equal(getattr(loaded, name), getattr(sae, name))
    assert not any(parameter.requires_grad for parameter in sae.parameters())
    assert not sae.training


def test_a_sweep_leaves_a_dictionary_and_a_log_for_each_member(tmp_path, rows, whole_sweep):
    saes = train_sweep(rows, tmp_path)
    assert file_contents(tmp_path) == whole_sweep
    assert sorted(whole_sweep) == sorted(f"{name}/{file}" for name in SWEEP for file in FILES)
    assert list(saes) == list(SWEEP)
    for name, member in SWEEP.items():
        assert saes[name].config == member.config
        assert saes[name].about["settings"]["seed"] == member.seed
        assert not saes[name].training
        loaded = load(tmp_path / name)
        assert loaded.about == saes[name].about
        assert torch.equal(loaded.decoder, saes[name].decoder)


def test_the_log_counts_silent_features(tmp_path, rows, monkeypatch):
    monkeypatch.setattr("visae.training._trainer._SILENT_AFTER", 700)
    train(rows, TopK(width=64, k=1, aux_k=0), tmp_path / "run", FIFTEEN_STEPS, "cpu")
    lines = log_lines(tmp_path / "run")
    # By the end of step 3, 720 rows were seen.
    assert [line["silent"] > 0 for line in lines] == [False, True, True, True, True, True]
    assert all(0 <= line["silent"] < 64 for line in lines)


def test_the_file_tells_what_the_dictionary_was_trained_on(rows, tmp_path):
    sae = train(rows, CONFIGS[0], tmp_path / "run", FIFTEEN_STEPS, "cpu")
    about = sae.about
    assert {key: about[key] for key in ("network", "weights", "layer", "rows", "held_out_images")} == {
        "network": "made",
        "weights": "0" * 64,
        "layer": "up",
        "rows": 1000,
        "held_out_images": 10,
    }
    settings = about["settings"]
    assert {key: settings[key] for key in ("rows", "kind", "seed")} == {"rows": rows.digest, "kind": "topk", "seed": 0}
    assert settings["config"]["k"] == 2
    assert settings["training"]["lr"] == 3e-3
    assert "stopped" not in about
    held_out = list(Batches(rows, FIFTEEN_STEPS).held_out())
    measured = fidelity(sae, held_out)
    assert about["metrics"] == {
        **asdict(measured),
        "helping_fraction": helping(sae, held_out).fraction,
        "neurons_explained_variance": neurons_explained_variance(held_out, measured.l0),
    }
    values = rows.gather(torch.arange(len(rows))).double().numpy()
    np.testing.assert_allclose(sae.centre, values.mean(0), rtol=1e-5)
    assert sae.scale.item() == pytest.approx(values.var(0).mean() ** 0.5, rel=1e-5)


def test_the_seed_decides_the_initial_directions(rows, tmp_path):
    first, other, again = (
        train(
            rows, CONFIGS[1], tmp_path / str(index), TrainingConfig(rows_seen=900, batch=900, lr=1e-9, seed=seed), "cpu"
        )
        for index, seed in enumerate((0, 1, 0))
    )
    assert torch.equal(first.decoder, again.decoder)
    assert not torch.allclose(first.decoder, other.decoder, atol=0.01)
    assert other.about["settings"]["seed"] == 1


@pytest.fixture(scope="module")
def recovering(tmp_path_factory):
    """Dictionaries trained until they match planted directions, and those directions."""
    folder = tmp_path_factory.mktemp("recovering")
    rows, directions = write_planted_store(folder / "rows")
    members = {
        "topk": SAESpec(TopK(width=24, k=2, dead_after=5000)),
        "relu-weak": SAESpec(ReLU(width=24, l1=0.3)),
        "relu-strong": SAESpec(ReLU(width=24, l1=2.0)),
    }
    return train_sweep(rows, folder / "saes", members, TrainingConfig(43_008, 256, 1e-2)), directions


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "explained", "matched"), [("topk", 0.8, 0.9), ("relu-weak", 0.95, 0.0), ("relu-strong", 0.7, 0.9)]
)
def test_planted_directions_are_recovered(recovering, name, explained, matched):
    """By ReLU SAEs under a strong penalty, at the cost of explained variance."""
    saes, directions = recovering
    assert saes[name].about["metrics"]["explained_variance"] > explained
    assert recovery(saes[name].directions, directions).matched_fraction >= matched
    if name == "topk":
        assert saes[name].about["metrics"]["l0"] <= 2


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SWEEP if SWEEP[name].seed == 0])
def test_a_member_alone_in_its_stack_trains_as_in_a_run_of_its_own(tmp_path, rows, name):
    members = {name: SWEEP[name], "another": SAESpec(ReLU(width=7))}
    in_sweep = train_sweep(rows, tmp_path / "sweep", members)[name]
    alone = train(rows, SWEEP[name].config, tmp_path / "alone", TWELVE_STEPS, "cpu")
    assert alone.about == in_sweep.about
    written = (tmp_path / "sweep" / name / "sae.safetensors").read_bytes()
    assert (tmp_path / "alone" / "sae.safetensors").read_bytes() == written


@pytest.mark.parametrize(
    ("sparse", "names"),
    [
        (True, ["topk-k1", "topk-k3", "topk-k1-5", "topk-k1-6", "relu-weak", "relu-strong", "relu-weak-5"]),
        (False, ["topk-k1", "topk-k3", "topk-k1-5"]),
    ],
)
def test_members_of_one_stack_train_as_alone(tmp_path, rows, monkeypatch, sparse, names):
    """With one way of decoding: the larger k of a stack may make its members dense, which rounds differently."""
    monkeypatch.setattr("visae.sae._topk.sparse_pays", lambda *_: sparse)
    members = {name: (SWEEP | SEEDS)[name] for name in names}
    together = train_sweep(rows, tmp_path / "together", members)
    for name in names:
        alone = train_sweep(rows, tmp_path / "alone", {name: members[name]})[name]
        assert alone.about["settings"] == together[name].about["settings"]
        assert alone.state_dict().keys() == together[name].state_dict().keys()
        for key, tensor in alone.state_dict().items():
            torch.testing.assert_close(together[name].state_dict()[key], tensor, rtol=1e-5, atol=2e-6)


def test_members_of_one_shape_are_one_stack_and_rows_are_read_once(tmp_path, rows, monkeypatch):
    stacks, batches, step, from_step = set(), [], Group.step, Batches.from_step

    def recorded_step(group, *arguments):
        stacks.add(tuple(group.members))
        assert len(group.whole.configs) == len(group.members)
        return step(group, *arguments)

    def recorded_batches(*arguments):
        for index in from_step(*arguments):
            batches.append(len(index))
            yield index

    monkeypatch.setattr(Group, "step", recorded_step)
    monkeypatch.setattr(Batches, "from_step", recorded_batches)
    train_sweep(rows, tmp_path)
    assert stacks == set(STACKS)
    assert batches == [150] * 12


def test_a_finished_run_is_loaded_and_not_trained_again(tmp_path, rows, whole_runs, monkeypatch):
    write_files(tmp_path, whole_runs[CONFIGS[0]])
    interrupt_at_step(monkeypatch, 0)
    sae = train(rows.folder, CONFIGS[0], str(tmp_path), FIFTEEN_STEPS, "cpu")
    assert torch.equal(sae.decoder, load(tmp_path).decoder)
    assert sae.about == load(tmp_path).about
    assert file_contents(tmp_path) == whole_runs[CONFIGS[0]]


def test_a_finished_sweep_is_loaded_and_not_trained_again(tmp_path, rows, whole_sweep, monkeypatch):
    write_files(tmp_path, whole_sweep)
    interrupt_at_step(monkeypatch, 0)
    saes = train_sweep(rows.folder, str(tmp_path))
    assert {name: sae.about for name, sae in saes.items()} == {name: load(tmp_path / name).about for name in SWEEP}
    subset = train_sweep(rows, tmp_path, {"gated": SWEEP["gated"]})
    assert torch.equal(subset["gated"].decoder, saes["gated"].decoder)
    assert file_contents(tmp_path) == whole_sweep


def test_an_extended_sweep_trains_what_is_missing(tmp_path, rows, whole_sweep, monkeypatch):
    finished = [name for name in SWEEP if name not in ("topk-k3", "gated")]
    before = {path: data for path, data in whole_sweep.items() if path.split("/")[0] in finished}
    write_files(tmp_path, before)
    trained, step = set(), Group.step

    def recorded(group, *arguments):
        trained.update(group.members)
        return step(group, *arguments)

    monkeypatch.setattr(Group, "step", recorded)
    saes = train_sweep(rows, tmp_path)
    assert trained == {"topk-k3", "gated"}
    assert list(saes) == list(SWEEP)
    after = file_contents(tmp_path)
    assert {path: after[path] for path in before} == before
    assert after.keys() == whole_sweep.keys()
    assert after["gated/sae.safetensors"] == whole_sweep["gated/sae.safetensors"]


def test_baselines_alone_can_be_a_sweep(tmp_path, rows):
    saes = train_sweep(rows, tmp_path, {"pca": SWEEP["pca"]})
    assert saes["pca"].about["metrics"]["explained_variance"] > 0.1
    assert (tmp_path / "pca" / "log.jsonl").read_bytes() == b""


PAIR = {name: SWEEP[name] for name in ("gated", "relu-weak")}


@pytest.fixture(scope="module", params=["finished", "interrupted"])
def existing(request, tmp_path_factory, rows):
    """A folder with a run and one with a sweep, both finished or both interrupted; tests must not change them."""
    folder = tmp_path_factory.mktemp("existing")
    with pytest.MonkeyPatch.context() as patch:
        for name, start in {
            "run": lambda out: train(rows, CONFIGS[0], out, FIFTEEN_STEPS, "cpu"),
            "sweep": lambda out: train_sweep(rows, out, PAIR),
        }.items():
            if request.param == "finished":
                start(folder / name)
                continue
            interrupt_at_step(patch, 7)
            with pytest.raises(Interrupted):
                start(folder / name)
            patch.undo()
    return folder


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"config": TopK(width=24, k=3, dead_after=200)}, "config.k was 2 and is now 3"),
        ({"config": ReLU(width=24)}, "config.aux_k was 64 and is now not set"),
        ({"training": replace(FIFTEEN_STEPS, rows_seen=3600)}, "training.rows_seen was 2700 and is now 3600"),
        ({"training": replace(FIFTEEN_STEPS, lr=1e-3, seed=1)}, "training.lr was 0.003 and is now 0.001"),
        ({"training": replace(FIFTEEN_STEPS, lr=1e-3, seed=1)}, "training.seed was 0"),
    ],
)
def test_a_run_with_other_settings_is_refused(existing, rows, changes, difference):
    before = file_contents(existing / "run")
    arguments = {"rows": rows, "config": CONFIGS[0], "training": FIFTEEN_STEPS, **changes}
    with pytest.raises(VisaeError) as error:
        train(**arguments, out=existing / "run", device="cpu")
    # A checkpoint has settings by member, and the only one of a run has no name.
    prefix = "members.." if (existing / "run" / "checkpoint.safetensors").exists() else ""
    assert prefix + difference in str(error.value)
    assert file_contents(existing / "run") == before


@pytest.mark.parametrize(
    ("changes", "training", "difference"),
    [
        (
            {"gated": SAESpec(replace(SWEEP["gated"].config, l1=0.25))},
            TWELVE_STEPS,
            r"config\.l1 was 0\.5 and is now 0\.25",
        ),
        ({"gated": SAESpec(SWEEP["gated"].config, seed=4)}, TWELVE_STEPS, r"seed was 0 and is now 4"),
        ({"gated": SAESpec(TopK(width=12, k=1))}, TWELVE_STEPS, "kind was 'gated' and is now 'topk'"),
        ({}, replace(TWELVE_STEPS, lr=0.01), r"training\.lr was 0\.003 and is now 0\.01"),
        ({}, replace(TWELVE_STEPS, seed=1), r"training\.seed was 0 and is now 1"),
    ],
)
def test_a_sweep_with_other_settings_is_refused(existing, rows, changes, training, difference):
    before = file_contents(existing / "sweep")
    with pytest.raises(VisaeError, match=difference):
        train_sweep(rows, existing / "sweep", PAIR | changes, training)
    assert file_contents(existing / "sweep") == before


def test_other_rows_are_refused(existing, tmp_path):
    other_rows, _ = write_planted_store(tmp_path / "rows", 1010)
    before = file_contents(existing)
    with pytest.raises(VisaeError, match=r"rows was '[0-9a-f]{64}' and is now '[0-9a-f]{64}'"):
        train(other_rows, CONFIGS[0], existing / "run", FIFTEEN_STEPS, "cpu")
    with pytest.raises(VisaeError, match=r"rows was '[0-9a-f]{64}' and is now '[0-9a-f]{64}'"):
        train_sweep(other_rows, existing / "sweep", PAIR)
    assert file_contents(existing) == before


def test_a_sweep_is_not_extended_on_other_rows(tmp_path, rows):
    train_sweep(rows, tmp_path / "sweep", {"pca": SWEEP["pca"]})
    other_rows, _ = write_planted_store(tmp_path / "rows", 1010)
    with pytest.raises(VisaeError, match="rows was '"):
        train_sweep(other_rows, tmp_path / "sweep", {"pca": SWEEP["pca"], "gated": SWEEP["gated"]})
    assert sorted(file_contents(tmp_path / "sweep")) == sorted(f"pca/{file}" for file in FILES)


def test_batchtopk_fires_as_often_on_training_rows_as_asked_even_after_a_few_steps(tmp_path):
    rows, _ = write_planted_store(tmp_path / "rows", 4000)
    specs = {f"{config.kind}-{config.k}": SAESpec(config) for config in AVERAGE_K}
    training = TrainingConfig(rows_seen=3600, batch=180, lr=3e-3)
    saes = train_many(rows, specs, tmp_path / "out", training, "cpu")
    sample = Batches(rows, training).sample()
    assert len(sample) == 3600
    for name, sae in saes.items():
        assert fidelity(sae, [sample]).l0 == pytest.approx(sae.config.k, abs=2 / 3600), name
