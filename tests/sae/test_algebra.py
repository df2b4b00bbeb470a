import numpy as np
import pytest
import torch

from visae.sae._algebra import (
    drop_parallel_gradient,
    linear,
    project_to_sphere,
    random_directions,
    shifted,
    squared_error,
)


def drawn(*size, seed=0):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shared", [True, False])
def test_a_stack_maps_the_rows_of_each_member(shared):
    weight, bias = drawn(2, 4, 3, seed=1), drawn(2, 4, seed=2)
    z = drawn(5, 3) if shared else drawn(2, 5, 3)
    found = linear(z, weight, bias)
    for member in range(2):
        own = z if shared else z[member]
        for row in range(5):
            expected = [sum(w * x for w, x in zip(of, own[row], strict=True)) for of in weight[member]]
            np.testing.assert_allclose(found[member, row], torch.stack(expected) + bias[member], rtol=1e-12)
        torch.testing.assert_close(linear(own, weight[member], bias[member]), found[member])


@pytest.mark.parametrize("front", [(), (2,)])
def test_a_shift_stands_for_an_origin(front):
    weight, bias, origin, z = drawn(*front, 4, 3), drawn(*front, 4, seed=1), drawn(*front, 3, seed=2), drawn(5, 3)
    expected = torch.einsum("...md,...nd->...nm", weight, z - origin[..., None, :]) + bias[..., None, :]
    torch.testing.assert_close(linear(z, weight, shifted(bias, weight, origin)), expected)


def test_the_error_is_a_mean_over_rows_of_a_sum_over_dimensions():
    z, guess = drawn(5, 3), drawn(2, 5, 3, seed=1)
    expected = [sum(((z[row] - of[row]) ** 2).sum() for row in range(5)) / 5 for of in guess]
    torch.testing.assert_close(squared_error(z, guess), torch.stack(expected))
    torch.testing.assert_close(squared_error(z, guess[0]), expected[0])


def test_random_directions_are_of_unit_norm_in_all_directions():
    found = random_directions(4000, 3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found.norm(dim=1), torch.ones(4000))
    torch.testing.assert_close(found.T @ found / 4000, torch.eye(3) / 3, rtol=0, atol=0.02)
    assert found.mean(0).norm() < 0.05
    assert torch.equal(found, random_directions(4000, 3, torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("front", [(), (2,)])
def test_what_is_left_of_a_gradient_is_at_right_angles_to_unit_rows(front):
    rows = drawn(*front, 4, 3)
    project_to_sphere(rows)
    rows.requires_grad_()
    rows.grad = before = drawn(*front, 4, 3, seed=1).clone()
    before = before.clone()
    drop_parallel_gradient(rows)
    zero = torch.zeros(*front, 4, dtype=torch.float64)
    torch.testing.assert_close((rows.grad * rows.detach()).sum(-1), zero, rtol=0, atol=1e-12)
    removed = before - rows.grad
    cosine = torch.cosine_similarity(removed, rows.detach(), dim=-1).abs()
    torch.testing.assert_close(cosine, zero + 1)


def test_rows_are_put_on_the_sphere_where_they_point():
    rows = torch.tensor([[3.0, 4.0], [0.0, -0.1], [0.0, 0.0]])
    project_to_sphere(rows)
    torch.testing.assert_close(rows, torch.tensor([[0.6, 0.8], [0.0, -1.0], [0.0, 0.0]]))
