from copy import deepcopy

import pytest
import torch
from stores import SWEEP

from visae.sae import ReLU, TopK
from visae.training import _group as grouping
from visae.training._group import Group, grouped, without_prefix

DIM = 5


def z(step, count=30):
    return torch.randn(count, DIM, generator=torch.Generator().manual_seed(step))


def made(config, seed=0):
    sae = config.build(DIM, torch.Generator().manual_seed(seed))
    sae.fit_scale(torch.ones(DIM).double(), torch.full((DIM,), 4.0).double())
    sae.initialise(z(99))
    return sae


# Two members of a shape for each way of computing.
PAIRS = [
    {"one": TopK(width=12, k=1, aux_k=3, dead_after=50), "two": TopK(width=12, k=4, aux_k=3, dead_after=50)},
    {"one": ReLU(width=12, l1=0.1), "two": ReLU(width=12, l1=3.0)},
    *({"one": SWEEP[name].config, "two": SWEEP[name].config} for name in ("gated", "jumprelu", "batchtopk", "block")),
]
pairs = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["one"].kind)


def fresh(pair, names=("one", "two")):
    return Group({name: made(pair[name], seed) for seed, name in enumerate(pair) if name in names}, lr=0.01)


def go(group, first, last):
    """Steps; in each, what the dead are is looked at again."""
    for step in range(first, last):
        group.whole.refresh()
        terms = group.step(z(step), 0.01 / (1 + step), min((step + 1) / 3, 1.0))
    return {name: term.tolist() for name, term in terms.items()}


def same(one, other):
    assert one.keys() == other.keys()
    assert [name for name, tensor in one.items() if not torch.equal(tensor, other[name])] == []


@pairs
def test_what_takes_up_a_state_goes_on_as_what_was_left(pair):
    group, other = fresh(pair), fresh(pair)
    go(group, 0, 4)
    go(other, 20, 23)
    state = deepcopy(group.state())
    other.load(state)
    same(other.state(), state)
    assert go(other, 4, 9) == go(group, 4, 9)
    same(other.state(), group.state())
    assert any(name.startswith("one/adam.") for name in state)


@pairs
def test_a_state_before_the_first_step_is_taken_up_too(pair):
    group, other = fresh(pair), fresh(pair)
    state = group.state()
    assert not any("/adam." in name for name in state)
    go(other, 5, 6)
    fresh_again = fresh(pair)
    fresh_again.load(state)
    go(fresh_again, 0, 3)
    go(group, 0, 3)
    same(fresh_again.state(), group.state())


@pairs
def test_a_state_is_a_copy(pair):
    group = fresh(pair)
    go(group, 0, 2)
    state = group.state()
    before = deepcopy(state)
    go(group, 2, 4)
    same(state, before)
    assert any(not torch.equal(tensor, before[name]) for name, tensor in group.state().items())


@pairs
@pytest.mark.parametrize("lost", ["one", "two"])
def test_those_that_stay_keep_their_bits(pair, lost):
    group = fresh(pair)
    go(group, 0, 4)
    before = group.state()
    group.drop([lost])
    kept = "two" if lost == "one" else "one"
    assert list(group.members) == [kept]
    same(group.state(), {name: tensor for name, tensor in before.items() if name.startswith(f"{kept}/")})
    alone = fresh(pair, [kept])
    alone.load(before)
    assert go(group, 4, 8) == go(alone, 4, 8)
    same(group.state(), alone.state())


@pairs
@pytest.mark.parametrize(("lost", "kept"), [("one", 1), ("two", 0)])
def test_those_that_stay_go_on_as_if_none_was_dropped(pair, lost, kept):
    """What was seen at the last look, at the dead for one, holds until the next."""
    group, undisturbed = fresh(pair), fresh(pair)
    for each in (group, undisturbed):
        go(each, 0, 3)
    group.drop([lost])
    for step in (3, 4):
        dropped, whole = (each.step(z(step), 0.005, 1.0) for each in (group, undisturbed))
        for name, term in dropped.items():
            assert term[0].item() == pytest.approx(whole[name][kept].item(), rel=1e-4), name


def test_the_last_can_be_dropped():
    group = fresh(PAIRS[0])
    group.drop(["one", "two"])
    assert group.members == {}


LOST = [
    ("encoder", torch.nan, 1.0, ["two"]),
    ("bias", torch.inf, 1.0, ["two"]),
    ("decoder", -torch.inf, 1.0, ["two"]),
    (None, 0, torch.nan, ["two"]),
    (None, 0, torch.inf, ["two"]),
    (None, 0, 1.1e4 * DIM, ["two"]),
    (None, 0, 0.9e4 * DIM, []),
    (None, 0, 1.0, []),
]


@pairs
@pytest.mark.parametrize(("parameter", "value", "loss", "lost"), LOST)
def test_those_beyond_repair_are_named(pair, parameter, value, loss, lost):
    group = fresh(pair)
    if parameter and hasattr(group.whole, parameter):
        group.whole.get_parameter(parameter).data[1].view(-1)[-1] = value
        assert group.diverged({"error": torch.tensor([1.0, loss]), "aux": torch.zeros(2)}) == lost
    elif parameter is None:
        assert group.diverged({"error": torch.tensor([1.0, loss]), "aux": torch.zeros(2)}) == lost
        assert group.diverged({"error": torch.tensor([1.0, 1.0]), "aux": torch.tensor([0.0, loss])}) == lost


@pairs
def test_members_learn_when_it_is_settled(pair):
    group = fresh(pair)
    before = deepcopy(group.members["two"].state_dict())
    go(group, 0, 3)
    same(dict(group.members["two"].state_dict()), before)
    group.finish()
    same(
        {f"two/sae.{name}": tensor for name, tensor in group.members["two"].state_dict().items()},
        {name: tensor for name, tensor in group.state().items() if name.startswith("two/sae.")},
    )
    assert not torch.equal(group.members["two"].decoder, before["decoder"])


def test_only_the_sparsity_is_warmed_up():
    terms = [fresh(PAIRS[1]).step(z(0), 0.01, warmth) for warmth in (1.0, 0.25)]
    assert torch.equal(terms[0]["error"], terms[1]["error"])
    torch.testing.assert_close(terms[0]["sparsity"] * 0.25, terms[1]["sparsity"])


def test_a_step_is_one_of_adam_on_the_sum_of_the_terms():
    group, sae = fresh(PAIRS[1], ["two"]), made(PAIRS[1]["two"], 1)
    optimiser = torch.optim.Adam(sae.parameters(), lr=0.02)
    for step in range(3):
        group.step(z(step), 0.02, 1.0)
        optimiser.zero_grad()
        sum(sae.losses(sae.standardise(z(step))).terms.values()).backward()
        optimiser.step()
    for name, parameter in sae.named_parameters():
        torch.testing.assert_close(group.whole.get_parameter(name)[0], parameter, rtol=1e-5, atol=1e-6)


def test_groups_are_of_one_shape_and_no_larger_than_the_device_takes(monkeypatch):
    saes = {name: made(member.config) for name, member in SWEEP.items() if name != "pca"}
    saes["pca"] = made(SWEEP["pca"].config)
    found = [list(group.members) for group in grouped(saes, 100, 0.01)]
    alone = [["gated"], ["jumprelu"], ["batchtopk"], ["block"]]
    assert found == [["topk-k1", "topk-k3"], ["relu-weak", "relu-strong"], *alone]
    many = {str(seed): made(ReLU(width=12), seed) for seed in range(5)}
    for most, sizes in [(100 * 12 * 2, [2, 2, 1]), (100 * 12 * 3 - 1, [2, 2, 1]), (1, [1] * 5), (10**9, [5])]:
        monkeypatch.setattr(grouping, "_MAX_VALUES", {"cpu": most})
        assert [len(group.members) for group in grouped(many, 100, 0.01)] == sizes


def test_names_that_begin_alike_are_told_apart():
    state = {"a/sae.x": torch.zeros(1), "ab/sae.x": torch.ones(1), "/sae.x": torch.ones(2)}
    assert without_prefix(state, "a/sae.").keys() == {"x"}
    assert without_prefix(state, "a/sae.")["x"].item() == 0
    assert len(without_prefix(state, "/sae.")["x"]) == 2
