from dataclasses import replace

import pytest
import torch
from stops import Stop, stop_at
from stores import FEW, FILES, SWEEP, content, planted

from visae._support.errors import VisaeError
from visae.sae import ReLU, TopK, load
from visae.training import SAESpec, train, train_many
from visae.training._batches import Batches
from visae.training._group import Group

# Two of the kinds again, with other seeds than that of training.
SEEDS = {f"{kind}-{seed}": SAESpec(SWEEP[kind].config, seed) for kind in ("topk-k1", "relu-weak") for seed in (5, 6)}


def sweep(rows, out, members=SWEEP, training=FEW):
    return train_many(rows, members, out, training, "cpu")


def close(one, other):
    assert one.state_dict().keys() == other.state_dict().keys()
    for name, tensor in one.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], tensor, rtol=1e-5, atol=2e-6)


def test_what_a_sweep_leaves(tmp_path, rows, whole_sweep):
    saes = sweep(rows, tmp_path)
    assert content(tmp_path) == whole_sweep
    assert sorted(whole_sweep) == sorted(f"{name}/{file}" for name in SWEEP for file in FILES)
    assert list(saes) == list(SWEEP)
    for name, member in SWEEP.items():
        assert saes[name].config == member.config
        assert saes[name].about["settings"]["seed"] == member.seed
        assert not saes[name].training
        back = load(tmp_path / name)
        assert back.about == saes[name].about
        assert torch.equal(back.decoder, saes[name].decoder)


@pytest.mark.parametrize("name", [name for name in SWEEP if SWEEP[name].seed == 0])
def test_each_is_as_when_trained_alone(tmp_path, rows, name):
    """Every kind; those that are alone in their stack to the bit."""
    together = sweep(rows, tmp_path / "together", {name: SWEEP[name], "more": SAESpec(ReLU(width=7))})[name]
    alone = train(rows, SWEEP[name].config, tmp_path / "alone", FEW, "cpu")
    assert alone.about == together.about
    assert content(tmp_path / "alone")["sae.safetensors"] == content(tmp_path / "together")[f"{name}/sae.safetensors"]


@pytest.mark.parametrize("pays", [True, False])
def test_each_of_a_stack_is_as_when_trained_alone(tmp_path, rows, monkeypatch, pays):
    """The same way for both: a larger k in a stack may make its members dense, which rounds differently."""
    for module in ("topk", "batchtopk"):
        monkeypatch.setattr(f"visae.sae._{module}.sparse_pays", lambda *_: pays)
    members = SWEEP | SEEDS
    together = sweep(rows, tmp_path / "together", members)
    for name in ("topk-k1", "topk-k3", "relu-weak", "relu-strong", *SEEDS):
        alone = sweep(rows, tmp_path / "alone", {name: members[name]})[name]
        close(alone, together[name])
        assert alone.about["settings"] == together[name].about["settings"]


def test_those_of_one_shape_are_one_stack_and_rows_are_read_once(tmp_path, rows, monkeypatch):
    stacks, drawn, step, of = set(), [], Group.step, Batches.from_step

    def seen(group, *arguments):
        stacks.add(tuple(group.members))
        assert len(group.whole.configs) == len(group.members)
        return step(group, *arguments)

    def counted(*arguments):
        for x in of(*arguments):
            drawn.append(len(x))
            yield x

    monkeypatch.setattr(Group, "step", seen)
    monkeypatch.setattr(Batches, "from_step", counted)
    sweep(rows, tmp_path)
    alone = {(name,) for name in ("gated", "jumprelu", "batchtopk", "block")}
    assert stacks == {("topk-k1", "topk-k3"), ("relu-weak", "relu-strong"), *alone}
    assert drawn == [150] * 12


def test_an_extension_trains_what_is_missing(tmp_path, rows, monkeypatch):
    first = {name: SWEEP[name] for name in ("topk-k1", "gated", "pca")}
    sweep(rows, tmp_path, first)
    before, trained, step = content(tmp_path), set(), Group.step

    def seen(group, *arguments):
        trained.update(group.members)
        return step(group, *arguments)

    monkeypatch.setattr(Group, "step", seen)
    saes = sweep(rows, tmp_path)
    assert trained == SWEEP.keys() - first.keys()
    assert list(saes) == list(SWEEP)
    after = content(tmp_path)
    assert {path: after[path] for path in before} == before
    assert len(after) == 2 * len(SWEEP)


def test_a_finished_sweep_is_loaded_and_not_trained(tmp_path, rows, monkeypatch):
    first = sweep(rows, tmp_path)
    before = content(tmp_path)
    stop_at(monkeypatch, 0)
    again = sweep(rows.folder, str(tmp_path))
    assert {name: sae.about for name, sae in again.items()} == {name: sae.about for name, sae in first.items()}
    some = sweep(rows, tmp_path, {"gated": SWEEP["gated"]})
    assert torch.equal(some["gated"].decoder, first["gated"].decoder)
    assert content(tmp_path) == before


OTHER = [
    ({"gated": SAESpec(replace(SWEEP["gated"].config, l1=0.25))}, FEW, r"config\.l1 was 0\.5 and is now 0\.25"),
    ({"gated": SAESpec(SWEEP["gated"].config, seed=4)}, FEW, r"seed was 0 and is now 4"),
    ({"gated": SAESpec(TopK(width=12, k=1))}, FEW, "kind was 'gated' and is now 'topk'"),
    ({}, replace(FEW, lr=0.01), r"training\.lr was 0\.003 and is now 0\.01"),
    ({}, replace(FEW, seed=1), r"training\.seed was 0 and is now 1"),
]


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize(("change", "training", "difference"), OTHER)
def test_other_settings_are_refused(tmp_path, rows, monkeypatch, change, training, difference, stopped):
    members = {name: SWEEP[name] for name in ("gated", "relu-weak")}
    with monkeypatch.context() as patch:
        if stopped:
            stop_at(patch, 15)
            with pytest.raises(Stop):
                sweep(rows, tmp_path, members)
        else:
            sweep(rows, tmp_path, members)
    before = content(tmp_path)
    with pytest.raises(VisaeError, match=difference):
        sweep(rows, tmp_path, members | change, training)
    assert content(tmp_path) == before


def test_other_rows_are_refused(tmp_path, rows):
    members = {"gated": SWEEP["gated"]}
    sweep(rows, tmp_path / "sweep", members)
    other, _ = planted(tmp_path / "other", 1010)
    with pytest.raises(VisaeError, match="rows was '"):
        sweep(other, tmp_path / "sweep", members)
    with pytest.raises(VisaeError, match="rows was '"):
        sweep(other, tmp_path / "sweep", SWEEP)
    assert sorted(content(tmp_path / "sweep")) == sorted(f"gated/{file}" for file in FILES)


def test_baselines_alone_are_a_sweep(tmp_path, rows):
    saes = sweep(rows, tmp_path, {"pca": SWEEP["pca"]})
    assert saes["pca"].about["metrics"]["explained_variance"] > 0.1
    assert (tmp_path / "pca" / "log.jsonl").read_bytes() == b""
