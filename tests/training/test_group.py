from copy import deepcopy

import pytest
import torch
from stores import STACKS, SWEEP

from visae.sae import ReLU, TopK
from visae.training import _group
from visae.training._config import Schedule
from visae.training._group import Group, grouped, without_prefix

DIM = 5


def batch(step, count=30):
    return torch.randn(count, DIM, generator=torch.Generator().manual_seed(step))


def initialised(config, seed=0):
    sae = config.build(DIM, torch.Generator().manual_seed(seed))
    sae.fit_scale(torch.ones(DIM).double(), torch.full((DIM,), 4.0).double())
    sae.initialise(batch(99))
    return sae


# Two members of one shape for each implementation of a loss.
PAIRS = [
    {"first": TopK(width=12, k=1, aux_k=3, dead_after=50), "second": TopK(width=12, k=4, aux_k=3, dead_after=50)},
    {"first": ReLU(width=12, l1=0.1), "second": ReLU(width=12, l1=3.0)},
    *(dict.fromkeys(("first", "second"), SWEEP[name].config) for name in ("gated", "jumprelu", "batchtopk", "block")),
]
every_pair = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["first"].kind)


def fresh_group(pair, names=("first", "second")):
    members = {name: initialised(config, seed) for seed, (name, config) in enumerate(pair.items()) if name in names}
    return Group(members, lr=0.01)


def train(group, first_step, last_step):
    """Refresh and step on each batch; return the terms of the last step."""
    for step in range(first_step, last_step):
        group.whole.refresh()
        terms = group.step(batch(step), Schedule(0.01 / (1 + step), min((step + 1) / 3, 1.0)))
    return {name: term.tolist() for name, term in terms.items()}


def assert_equal(tensors, expected):
    assert tensors.keys() == expected.keys()
    assert [name for name, tensor in tensors.items() if not torch.equal(tensor, expected[name])] == []


@every_pair
def test_a_group_that_loads_a_state_goes_on_as_the_one_that_left_it(pair):
    group, other = fresh_group(pair), fresh_group(pair)
    train(group, 0, 4)
    train(other, 20, 23)
    state = deepcopy(group.state())
    other.load(state)
    assert_equal(other.state(), state)
    assert train(other, 4, 9) == train(group, 4, 9)
    assert_equal(other.state(), group.state())
    assert any(name.startswith("first/adam.") for name in state)


@every_pair
def test_a_state_from_before_the_first_step_can_be_loaded(pair):
    group, other = fresh_group(pair), fresh_group(pair)
    state = group.state()
    assert not any("/adam." in name for name in state)
    other.load(state)
    train(other, 0, 3)
    train(group, 0, 3)
    assert_equal(other.state(), group.state())


@every_pair
def test_a_state_is_a_copy(pair):
    group = fresh_group(pair)
    train(group, 0, 2)
    state = group.state()
    before = deepcopy(state)
    train(group, 2, 4)
    assert_equal(state, before)
    assert any(not torch.equal(tensor, before[name]) for name, tensor in group.state().items())


@every_pair
@pytest.mark.parametrize("dropped", ["first", "second"])
def test_after_a_drop_the_other_member_goes_on_to_the_bit_as_alone(pair, dropped):
    group = fresh_group(pair)
    train(group, 0, 4)
    before = group.state()
    group.drop([dropped])
    kept = "second" if dropped == "first" else "first"
    assert list(group.members) == [kept]
    assert_equal(group.state(), {name: tensor for name, tensor in before.items() if name.startswith(f"{kept}/")})
    alone = fresh_group(pair, [kept])
    alone.load(before)
    assert train(group, 4, 8) == train(alone, 4, 8)
    assert_equal(group.state(), alone.state())


@every_pair
@pytest.mark.parametrize(("dropped", "index_kept"), [("first", 1), ("second", 0)])
def test_a_drop_between_refreshes_does_not_disturb_the_other_member(pair, dropped, index_kept):
    """What the last refresh derived, such as which features are dead, holds until the next."""
    group, undisturbed = fresh_group(pair), fresh_group(pair)
    for each in (group, undisturbed):
        train(each, 0, 3)
    group.drop([dropped])
    for step in (3, 4):
        terms, expected = (each.step(batch(step), Schedule(0.005)) for each in (group, undisturbed))
        for name, term in terms.items():
            assert term[0].item() == pytest.approx(expected[name][index_kept].item(), rel=1e-4), name


def test_all_members_can_be_dropped():
    group = fresh_group(PAIRS[0])
    group.drop(["first", "second"])
    assert group.members == {}


@every_pair
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_members_with_a_parameter_that_is_not_finite_have_diverged(pair, value):
    names = [name for name, _ in fresh_group(pair).whole.named_parameters()]
    assert {"bias", "decoder"} <= set(names)
    for name in names:
        group = fresh_group(pair)
        assert group.diverged({"error": torch.ones(2)}) == []
        group.whole.get_parameter(name).data[1].view(-1)[-1] = value
        assert group.diverged({"error": torch.ones(2)}) == ["second"], name


@pytest.mark.parametrize(
    ("loss", "diverged"),
    [(torch.nan, True), (torch.inf, True), (1.1e4 * DIM, True), (0.9e4 * DIM, False), (1.0, False)],
)
def test_members_with_an_enormous_loss_have_diverged(loss, diverged):
    group = fresh_group(PAIRS[0])
    names = ["second"] * diverged
    assert group.diverged({"error": torch.tensor([1.0, loss]), "aux": torch.zeros(2)}) == names
    assert group.diverged({"error": torch.tensor([1.0, 1.0]), "aux": torch.tensor([0.0, loss])}) == names


@every_pair
def test_members_are_updated_by_finish(pair):
    group = fresh_group(pair)
    before = deepcopy(group.members["second"].state_dict())
    train(group, 0, 3)
    assert_equal(dict(group.members["second"].state_dict()), before)
    group.finish()
    assert_equal(
        {f"second/sae.{name}": tensor for name, tensor in group.members["second"].state_dict().items()},
        {name: tensor for name, tensor in group.state().items() if name.startswith("second/sae.")},
    )
    assert not torch.equal(group.members["second"].decoder, before["decoder"])


def test_only_the_sparsity_is_warmed_up():
    full, quarter = (fresh_group(PAIRS[1]).step(batch(0), Schedule(0.01, factor)) for factor in (1.0, 0.25))
    assert torch.equal(full["error"], quarter["error"])
    torch.testing.assert_close(full["sparsity"] * 0.25, quarter["sparsity"])


def test_a_step_is_one_of_adam_on_the_sum_of_the_terms():
    group, sae = fresh_group(PAIRS[1], ["second"]), initialised(PAIRS[1]["second"], 1)
    optimiser = torch.optim.Adam(sae.parameters(), lr=0.02)
    for step in range(3):
        group.step(batch(step), Schedule(0.02))
        optimiser.zero_grad()
        sum(sae.losses(sae.standardise(batch(step))).terms.values()).backward()
        optimiser.step()
    for name, parameter in sae.named_parameters():
        torch.testing.assert_close(group.whole.get_parameter(name)[0], parameter, rtol=1e-5, atol=1e-6)


def test_groups_have_one_shape_each_and_leave_out_baselines():
    saes = {name: initialised(member.config) for name, member in SWEEP.items()}
    assert [tuple(group.members) for group in grouped(saes, 100, 0.01)] == STACKS


@pytest.mark.parametrize(
    ("max_values", "sizes"), [(100 * 12 * 2, [2, 2, 1]), (100 * 12 * 3 - 1, [2, 2, 1]), (1, [1] * 5), (10**9, [5])]
)
def test_groups_are_as_large_as_the_device_allows(monkeypatch, max_values, sizes):
    monkeypatch.setattr(_group, "_MAX_VALUES", {"cpu": max_values})
    saes = {str(seed): initialised(ReLU(width=12), seed) for seed in range(5)}
    assert [len(group.members) for group in grouped(saes, 100, 0.01)] == sizes


def test_prefixes_are_whole_names():
    state = {"a/sae.x": torch.zeros(1), "ab/sae.x": torch.ones(1), "/sae.x": torch.ones(2)}
    assert without_prefix(state, "a/sae.").keys() == {"x"}
    assert without_prefix(state, "a/sae.")["x"].item() == 0
    assert len(without_prefix(state, "/sae.")["x"]) == 2


def test_parameters_with_a_factor_are_moved_faster(monkeypatch):
    """By Adam's first step, which is as long as the learning rate."""
    monkeypatch.setattr(ReLU.sae, "rate_factors", {"encoder_bias": 4.0})
    group = fresh_group(PAIRS[1], ["second"])
    before = {name: tensor.clone() for name, tensor in group.whole.state_dict().items()}
    group.step(batch(0), Schedule(0.01))
    for name, rate in (("encoder_bias", 0.04), ("bias", 0.01)):
        moved = (group.whole.get_parameter(name) - before[name]).abs()
        torch.testing.assert_close(moved.max().item(), rate, rtol=1e-3, atol=0)
