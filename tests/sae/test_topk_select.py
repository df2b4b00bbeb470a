import numpy as np
import pytest
import torch
from slow_saes import keep_largest

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
def test_the_k_largest_positive_values_stay_in_their_columns(k):
    for pre, selected in zip(PRE, topk_dense(ROWS, torch.tensor(k), k).tolist(), strict=True):
        expected = keep_largest(pre, k).tolist()
        # Which of equal values is kept is free.
        assert sorted(selected) == sorted(expected)
        assert all(value in (0.0, before) for value, before in zip(selected, pre, strict=True))
        if len(set(pre)) == len(pre):
            assert selected == expected


def test_each_member_of_a_stack_has_its_own_k():
    ks = [1, 4, 2]
    selected = topk_dense(ROWS.expand(3, -1, -1), torch.tensor(ks), 4)
    for member, k in zip(selected, ks, strict=True):
        assert torch.equal(member, topk_dense(ROWS, torch.tensor(k), k))


def test_only_selected_values_get_a_gradient():
    pre = ROWS[6:].clone().requires_grad_()
    selected = topk_dense(pre, torch.tensor(2), 2)
    upstream = torch.rand(selected.shape, dtype=torch.float64) + 1
    selected.backward(upstream)
    assert torch.equal(pre.grad, torch.where(selected > 0, upstream, 0))


# With a limit of 0, rows of 64, of 60 and of 61 are selected from in groups of 8, of 4 and of 1.
@pytest.mark.parametrize("long", [0, 12_288])
@pytest.mark.parametrize(("width", "k"), [(5, 1), (5, 2), (5, 5), (64, 1), (60, 3), (60, 6), (61, 1)])
def test_entries_list_the_selected_values_in_the_order_of_rows(monkeypatch, width, k, long):
    monkeypatch.setattr("visae.sae._topk_select._LONG", long)
    pre = torch.tensor(np.random.default_rng(1).normal(0, 1, (30, width)))
    pre[3] = -1
    pre[4, 1:] = -1
    values, rows, columns = topk_entries(pre, k)
    selected = topk_dense(pre, torch.tensor(k), k)
    listed = torch.zeros_like(pre).index_put((rows, columns), values, accumulate=True)
    assert torch.equal(listed, selected)
    assert len(values) == (selected > 0).sum()
    assert bool((rows.diff() >= 0).all())


@pytest.mark.parametrize("k", [1, 3])
def test_among_equal_values_k_different_ones_are_selected(monkeypatch, k):
    monkeypatch.setattr("visae.sae._topk_select._LONG", 0)
    values, rows, columns = topk_entries(torch.ones(4, 128), k)
    assert values.tolist() == [1] * 4 * k
    assert rows.tolist() == [row for row in range(4) for _ in range(k)]
    assert len({*zip(rows.tolist(), columns.tolist(), strict=True)}) == 4 * k


@pytest.mark.parametrize("count", [1, 2, 7, 30, 60, 61, 150])
@pytest.mark.parametrize("lower_bound", [0.0, 0.3, 1.0, 100.0])
def test_the_batch_threshold_is_the_smallest_of_the_largest_values(count, lower_bound):
    """Whatever lower bound is guessed."""
    pre = torch.tensor(np.random.default_rng(2).normal(0, 1, (30, 5)))
    positive = sorted((value for value in pre.flatten().tolist() if value > 0), reverse=True)
    expected = positive[count - 1] if count <= len(positive) else 0.0
    assert 61 < len(positive) < 100
    assert batch_threshold(pre, count, lower_bound).item() == expected


def test_the_batch_threshold_among_equal_values():
    pre = torch.tensor([[2.0, 2.0, 2.0], [1.0, -1.0, 2.0]])
    assert [batch_threshold(pre, count, 0.5).item() for count in (1, 4, 5, 6)] == [2, 2, 1, 0]
