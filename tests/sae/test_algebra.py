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


def normal(*size, seed=0):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shared", [True, False])
def test_a_stack_maps_shared_rows_or_rows_of_its_own(shared):
    weight, bias = normal(2, 4, 3, seed=1), normal(2, 4, seed=2)
    z = normal(5, 3) if shared else normal(2, 5, 3)
    mapped = linear(z, weight, bias)
    for member in range(2):
        own = z if shared else z[member]
        for row in range(5):
            products = [sum(w * x for w, x in zip(line, own[row], strict=True)) for line in weight[member]]
            np.testing.assert_allclose(mapped[member, row], torch.stack(products) + bias[member], rtol=1e-12)
        torch.testing.assert_close(linear(own, weight[member], bias[member]), mapped[member])


@pytest.mark.parametrize("stacked", [(), (2,)])
def test_a_shifted_bias_moves_the_origin(stacked):
    weight, bias, origin = normal(*stacked, 4, 3), normal(*stacked, 4, seed=1), normal(*stacked, 3, seed=2)
    z = normal(5, 3)
    expected = torch.einsum("...md,...nd->...nm", weight, z - origin[..., None, :]) + bias[..., None, :]
    torch.testing.assert_close(linear(z, weight, shifted(bias, weight, origin)), expected)


def test_squared_error_is_a_mean_over_rows_of_a_sum_over_dimensions():
    z, reconstruction = normal(5, 3), normal(2, 5, 3, seed=1)
    expected = [sum(((z[row] - member[row]) ** 2).sum() for row in range(5)) / 5 for member in reconstruction]
    torch.testing.assert_close(squared_error(z, reconstruction), torch.stack(expected))
    torch.testing.assert_close(squared_error(z, reconstruction[0]), expected[0])


def test_random_directions_are_uniform_on_the_sphere():
    directions = random_directions(4000, 3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(4000))
    torch.testing.assert_close(directions.T @ directions / 4000, torch.eye(3) / 3, rtol=0, atol=0.02)
    assert directions.mean(0).norm() < 0.05
    assert torch.equal(directions, random_directions(4000, 3, torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("stacked", [(), (2,)])
def test_only_the_gradient_along_unit_rows_is_dropped(stacked):
    rows = normal(*stacked, 4, 3)
    project_to_sphere(rows)
    rows.requires_grad_()
    gradient = normal(*stacked, 4, 3, seed=1)
    rows.grad = gradient.clone()
    drop_parallel_gradient(rows)
    zero = torch.zeros(*stacked, 4, dtype=torch.float64)
    torch.testing.assert_close((rows.grad * rows.detach()).sum(-1), zero, rtol=0, atol=1e-12)
    cosine = torch.cosine_similarity(gradient - rows.grad, rows.detach(), dim=-1).abs()
    torch.testing.assert_close(cosine, zero + 1)


def test_rows_keep_their_direction_on_the_sphere_and_zero_stays_zero():
    rows = torch.tensor([[3.0, 4.0], [0.0, -0.1], [0.0, 0.0]])
    project_to_sphere(rows)
    torch.testing.assert_close(rows, torch.tensor([[0.6, 0.8], [0.0, -1.0], [0.0, 0.0]]))
