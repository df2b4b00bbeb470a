import math

import numpy as np
import pytest
import torch

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.papers.bag_of_words import Drawn, Fitting, Recipe, Stack, fit
from visae.papers.bag_of_words._autoencoders import start
from visae.papers.bag_of_words._fitting import gradients
from visae.papers.bag_of_words._synthetic import circular, independent

RECIPES = [Recipe(2, 0.0, "linear", 0, 0), Recipe(3, 1.0, "relu", 1, 1), Recipe(5, 6.0, "relu", 2, 0)]


@pytest.fixture(scope="module")
def bags():
    kinds = (circular(), independent(circular().mean()))
    return torch.stack([kind.draw(600, generator(0, "bags", place)) for place, kind in enumerate(kinds)])


def slowly(recipe, x, order, fitting):
    """AdamW, one step after the other, in float64; its gradient by autograd."""
    W = start([recipe], x.shape[1]).weights[0].double().requires_grad_()
    b = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    steps = len(order)
    moments = {0: [0.0, 0.0], 1: [0.0, 0.0]}
    for step, rows in enumerate(order, 1):
        batch = x[rows]
        z = batch @ W.T @ W + b
        x_hat = z.relu() if recipe.output == "relu" else z
        found = torch.autograd.grad((x_hat - batch).square().mean(), (W, b))
        rate = 1e-9 + (fitting.lr - 1e-9) * (1 + math.cos(math.pi * (step - 1) / steps)) / 2
        for place, (of, gradient) in enumerate(zip((W, b), found, strict=True)):
            first, second = moments[place]
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            moments[place] = [first, second]
            with torch.no_grad():
                of *= 1 - rate * recipe.decay
                of -= rate * (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
    return W.detach().numpy(), b.detach().numpy()


def test_training_is_adamw(bags):
    fitting = Fitting(epochs=3, batch=100)
    order = []
    for epoch in range(3):
        shuffled = torch.randperm(600, generator=generator(0, "bag of words", "order", epoch))
        order += [shuffled[first : first + 100] for first in range(0, 600, 100)]
    stack = fit(RECIPES, Drawn(bags), fitting)
    for index, recipe in enumerate(RECIPES):
        W, b = slowly(recipe, bags[recipe.bags].double(), order, fitting)
        np.testing.assert_allclose(stack.weights[index, : recipe.latent], W, atol=2e-4)
        np.testing.assert_allclose(stack.bias[index], b, atol=2e-4)


def test_a_stack_trains_as_each_alone(bags):
    fitting = Fitting(epochs=4, batch=64)
    stack = fit(RECIPES, Drawn(bags), fitting)
    for index, recipe in enumerate(RECIPES):
        alone = fit(
            [Recipe(recipe.latent, recipe.decay, recipe.output, recipe.seed)], Drawn(bags[recipe.bags][None]), fitting
        )
        torch.testing.assert_close(stack.weights[index, : recipe.latent], alone.weights[0], atol=1e-4, rtol=0)
        torch.testing.assert_close(stack.bias[index], alone.bias[0], atol=1e-4, rtol=0)
        # What the member does not have stays away.
        assert not stack.weights[index, recipe.latent :].any()
    assert not torch.allclose(stack.weights[0, :2], start(RECIPES, 12).weights[0, :2], atol=0.05)


def test_gradients_are_those_of_autograd():
    source = generator(0, "gradients")
    W = torch.randn(3, 4, 6, generator=source, dtype=torch.float64, requires_grad=True)
    b = torch.randn(3, 6, generator=source, dtype=torch.float64, requires_grad=True)
    floor = torch.tensor([0.0, -math.inf, 0.0], dtype=torch.float64)
    for x in (
        torch.rand(3, 9, 6, generator=source, dtype=torch.float64),
        torch.rand(1, 9, 6, generator=source, dtype=torch.float64),
    ):
        x_hat = torch.maximum(
            torch.einsum("mdn,mde,mbe->mbn", W, W, x.expand(3, -1, -1)) + b[:, None], floor[:, None, None]
        )
        loss = (x_hat - x).square().mean((1, 2)).sum()
        expected = torch.autograd.grad(loss, (W, b))
        found = gradients(Stack(W.detach(), b.detach(), floor), x)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other)


def test_decay_keeps_weights_small(bags):
    stack = fit([Recipe(4, decay) for decay in (0.0, 6.0)], Drawn(bags[:1]), Fitting(epochs=60, batch=64))
    largest = stack.weights.abs().amax((1, 2))
    assert largest[0] > 0.5
    assert largest[1] < 2 / 6
    assert stack.bias[1].abs().max() < 2 / 6


def test_the_same_again(bags):
    one, other = (fit(RECIPES, Drawn(bags), Fitting(epochs=2)) for _ in range(2))
    torch.testing.assert_close(one.weights, other.weights, rtol=0, atol=0)
    different = fit(RECIPES, Drawn(bags), Fitting(epochs=2, seed=1))
    assert not torch.equal(one.weights, different.weights)


def test_the_rate_falls_by_half_a_cosine():
    fitting = Fitting(lr=0.5, least=0.1)
    assert fitting.rate(0, 10) == pytest.approx(0.5)
    assert fitting.rate(5, 10) == pytest.approx(0.3)
    assert fitting.rate(9, 10) < 0.12


@pytest.mark.parametrize("given", [{"epochs": 0}, {"batch": 0}, {"lr": 0.0}, {"lr": math.inf}])
def test_fittings_that_cannot_be_are_refused(given):
    with pytest.raises(VisaeError, match="epochs and batch must be at least 1, lr above 0"):
        Fitting(**given)
