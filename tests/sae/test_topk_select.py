import numpy as np
import pytest
import torch
from slow_saes import largest

from visae.sae._topk_select import batch_threshold, topk_dense, topk_entries

PRE = [
    [3.0, 1.0, 2.0, 5.0, 4.0],
    [-1.0, -2.0, -3.0, -4.0, -5.0],
    [0.0, 0.0, 0.0, 0.0, 0.0],
    [1.0, -1.0, 0.0, -2.0, 0.5],
    [2.0, 2.0, 2.0, 1.0, 3.0],
    [7.0, 7.0, 7.0, 7.0, 7.0],
    *np.random.default_rng(0).normal(0, 1, (20, 5)).tolist(),
]
ROWS = torch.tensor(PRE, dtype=torch.float64)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_the_k_largest_positive_values_are_kept_where_they_stand(k):
    for pre, found in zip(PRE, topk_dense(ROWS, torch.tensor(k), k).tolist(), strict=True):
        expected = largest(pre, k).tolist()
        # Which of equal values is kept is free.
        assert sorted(found) == sorted(expected)
        assert all(value in (0.0, before) for value, before in zip(found, pre, strict=True))
        if len(set(pre)) == len(pre):
            assert found == expected


def test_each_member_of_a_stack_keeps_its_own_number():
    ks = [1, 4, 2]
    found = topk_dense(ROWS.expand(3, -1, -1), torch.tensor(ks), 4)
    for of_member, k in zip(found, ks, strict=True):
        assert torch.equal(of_member, topk_dense(ROWS, torch.tensor(k), k))


def test_what_is_kept_gets_the_gradient_and_nothing_else():
    pre = ROWS[6:].clone().requires_grad_()
    kept = topk_dense(pre, torch.tensor(2), 2)
    upstream = torch.rand(kept.shape, dtype=torch.float64) + 1
    kept.backward(upstream)
    assert torch.equal(pre.grad, torch.where(kept > 0, upstream, 0))


# Rows of 64, of 60 and of 61 are chosen from in groups of 8, of 4 and of 1, unless that is said not to pay.
@pytest.mark.parametrize("long", [0, 12_288])
@pytest.mark.parametrize(("width", "k"), [(5, 1), (5, 2), (5, 5), (64, 1), (60, 3), (60, 6), (61, 1)])
def test_a_list_is_of_the_strongest_row_by_row(monkeypatch, width, k, long):
    monkeypatch.setattr("visae.sae._topk_select._LONG", long)
    pre = torch.tensor(np.random.default_rng(1).normal(0, 1, (30, width)))
    pre[3] = -1
    pre[4, 1:] = -1
    values, rows, places = topk_entries(pre, k)
    kept = topk_dense(pre, torch.tensor(k), k)
    listed = torch.zeros_like(pre).index_put((rows, places), values, accumulate=True)
    assert torch.equal(listed, kept)
    assert len(values) == (kept > 0).sum()
    assert bool((rows.diff() >= 0).all())


@pytest.mark.parametrize("k", [1, 3])
def test_among_equals_any_is_chosen_and_as_many_as_asked_for(monkeypatch, k):
    monkeypatch.setattr("visae.sae._topk_select._LONG", 0)
    values, rows, places = topk_entries(torch.ones(4, 128), k)
    assert values.tolist() == [1] * 4 * k
    assert rows.tolist() == [row for row in range(4) for _ in range(k)]
    assert len({*zip(rows.tolist(), places.tolist(), strict=True)}) == 4 * k


@pytest.mark.parametrize("count", [1, 2, 7, 30, 60, 61, 150])
@pytest.mark.parametrize("floor", [0.0, 0.3, 1.0, 100.0])
def test_the_weakest_of_the_strongest_of_a_batch(count, floor):
    """Whatever is guessed."""
    pre = torch.tensor(np.random.default_rng(2).normal(0, 1, (30, 5)))
    positive = sorted((value for value in pre.flatten().tolist() if value > 0), reverse=True)
    expected = positive[count - 1] if count <= len(positive) else 0.0
    assert 61 < len(positive) < 100
    assert batch_threshold(pre, count, floor).item() == expected


def test_the_weakest_among_equals_is_one_of_them():
    pre = torch.tensor([[2.0, 2.0, 2.0], [1.0, -1.0, 2.0]])
    assert [batch_threshold(pre, count, 0.5).item() for count in (1, 4, 5, 6)] == [2, 2, 1, 0]
