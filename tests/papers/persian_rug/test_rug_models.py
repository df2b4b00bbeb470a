import numpy as np
import pytest
import torch

from visae.papers.persian_rug import Stack


def drawn(m, d, n):
    source = torch.Generator().manual_seed(0)
    shapes = ((m, d, n), (m, n, d), (m, n))
    return Stack(*(torch.randn(shape, generator=source) for shape in shapes))


def test_a_stack_answers_as_its_models_do():
    stack = drawn(3, 2, 5)
    x = torch.rand(3, 7, 5, generator=torch.Generator().manual_seed(1))
    losses = []
    for model in range(3):
        W_in, W_out, b = (tensor[model].double().numpy() for tensor in stack.parameters())
        inputs = x[model].double().numpy()
        answers = np.array([np.maximum(W_out @ (W_in @ one) + b, 0) for one in inputs])
        np.testing.assert_allclose(stack(x)[model].numpy(), answers, atol=1e-5)
        np.testing.assert_allclose(stack.weights()[model].numpy(), W_out @ W_in, atol=1e-5)
        losses.append(((answers - inputs) ** 2).mean())
    assert stack.losses(x).tolist() == pytest.approx(losses, rel=1e-5)


def test_models_side_by_side_lose_what_they_lose_alone():
    """The bound of the page: a model of twice the features with the mean of the losses."""
    stack = drawn(2, 2, 5)
    wide = Stack(torch.block_diag(*stack.W_in)[None], torch.block_diag(*stack.W_out)[None], stack.b.flatten()[None])
    x = torch.rand(2, 9, 5, generator=torch.Generator().manual_seed(1))
    together = torch.cat(list(x), 1)[None]
    assert wide.losses(together).item() == pytest.approx(stack.losses(x).mean().item(), rel=1e-6)
