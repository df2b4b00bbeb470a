import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.papers.bag_of_words import BagAutoencoder, BagStack, BagTraining, DrawnBags, circular, independent, train
from visae.papers.bag_of_words._model import gradients, initial_stack

MODELS = [
    BagAutoencoder(2, 0.0, "linear", 0, 0),
    BagAutoencoder(3, 1.0, "relu", 1, 1),
    BagAutoencoder(5, 6.0, "relu", 2, 0),
]


def test_reconstructions_are_those_of_the_formula():
    source = generator(0, "stack")
    stack = BagStack(
        torch.randn(2, 3, 5, generator=source), torch.randn(2, 5, generator=source), torch.tensor([0.0, -math.inf])
    )
    x = torch.rand(2, 4, 5, generator=source)
    result = stack.reconstruct(x)
    for member in range(2):
        W, b = stack.weights[member].double().numpy(), stack.bias[member].double().numpy()
        for bag in range(4):
            slow = W.T @ (W @ x[member, bag].double().numpy()) + b
            slow = np.maximum(slow, 0) if member == 0 else slow
            np.testing.assert_allclose(result[member, bag], slow, atol=1e-5)
        np.testing.assert_allclose(stack.gram()[member], W.T @ W, atol=1e-5)
    assert (result[1] < 0).any()
    alone = stack.member(1)
    torch.testing.assert_close(alone.reconstruct(x[1:]), result[1:])
    # The same bags for all.
    torch.testing.assert_close(stack.reconstruct(x[:1])[0], result[0])


def test_each_model_starts_as_it_would_alone():
    models = [BagAutoencoder(2, seed=3), BagAutoencoder(4, seed=3), BagAutoencoder(3, output="linear", seed=5)]
    stack = initial_stack(models, 6)
    for index, model in enumerate(models):
        alone = initial_stack([model], 6)
        torch.testing.assert_close(stack.weights[index, : model.latent], alone.weights[0], rtol=0, atol=0)
        assert not stack.weights[index, model.latent :].any()
    assert stack.floor.tolist() == [0.0, 0.0, -math.inf]
    assert not stack.bias.any()
    drawn = initial_stack([BagAutoencoder(50)], 100).weights * math.sqrt(100)
    assert -1 <= drawn.min() < -0.99
    assert 0.99 < drawn.max() <= 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"latent": 0}, "latent size is 0"),
        ({"latent": 2, "decay": -1.0}, "weight decay is -1"),
        ({"latent": 2, "decay": math.nan}, "weight decay is nan"),
    ],
)
def test_bad_models(given, words):
    with pytest.raises(VisaeError, match=words):
        BagAutoencoder(**given)


def test_more_latents_than_features():
    with pytest.raises(VisaeError, match=r"latent size is 7, .* 6 features"):
        initial_stack([BagAutoencoder(7)], 6)


@pytest.fixture(scope="module")
def bags():
    kinds = (circular(), independent(circular().mean()))
    return torch.stack([kind.draw(600, generator(0, "bags", index)) for index, kind in enumerate(kinds)])


def slow_training(model, x, order, training):
    """AdamW as published, in float64, with gradients by autograd."""
    W = initial_stack([model], x.shape[1]).weights[0].double().requires_grad_()
    b = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    steps = len(order)
    moments = [[0.0, 0.0], [0.0, 0.0]]
    for step, rows in enumerate(order, 1):
        batch = x[rows]
        z = batch @ W.T @ W + b
        x_hat = z.relu() if model.output == "relu" else z
        gradients = torch.autograd.grad((x_hat - batch).square().mean(), (W, b))
        rate = 1e-9 + (training.lr - 1e-9) * (1 + math.cos(math.pi * (step - 1) / steps)) / 2
        for parameter, gradient, moment in zip((W, b), gradients, moments, strict=True):
            moment[0] = 0.9 * moment[0] + 0.1 * gradient
            moment[1] = 0.999 * moment[1] + 0.001 * gradient**2
            with torch.no_grad():
                parameter *= 1 - rate * model.decay
                parameter -= rate * (moment[0] / (1 - 0.9**step)) / ((moment[1] / (1 - 0.999**step)).sqrt() + 1e-8)
    return W.detach().numpy(), b.detach().numpy()


def test_training_is_adamw(bags):
    training = BagTraining(epochs=3, batch=100)
    order = []
    for epoch in range(3):
        shuffled = torch.randperm(600, generator=generator(0, "bag of words", "order", epoch))
        order += [shuffled[first : first + 100] for first in range(0, 600, 100)]
    stack = train(MODELS, DrawnBags(bags), training)
    for index, model in enumerate(MODELS):
        W, b = slow_training(model, bags[model.bags].double(), order, training)
        np.testing.assert_allclose(stack.weights[index, : model.latent], W, atol=2e-4)
        np.testing.assert_allclose(stack.bias[index], b, atol=2e-4)


def test_stack_trains_each_model_as_if_alone(bags):
    training = BagTraining(epochs=4, batch=64)
    stack = train(MODELS, DrawnBags(bags), training)
    for index, model in enumerate(MODELS):
        alone = train([replace(model, bags=0)], DrawnBags(bags[model.bags][None]), training)
        torch.testing.assert_close(stack.weights[index, : model.latent], alone.weights[0], atol=1e-4, rtol=0)
        torch.testing.assert_close(stack.bias[index], alone.bias[0], atol=1e-4, rtol=0)
        # Surplus rows stay zero.
        assert not stack.weights[index, model.latent :].any()
    assert not torch.allclose(stack.weights[0, :2], initial_stack(MODELS, 12).weights[0, :2], atol=0.05)


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
        result = gradients(BagStack(W.detach(), b.detach(), floor), x)
        torch.testing.assert_close(result, expected)


def test_decay_keeps_weights_small(bags):
    models = [BagAutoencoder(4, decay) for decay in (0.0, 6.0)]
    stack = train(models, DrawnBags(bags[:1]), BagTraining(epochs=60, batch=64))
    largest = stack.weights.abs().amax((1, 2))
    assert largest[0] > 0.5
    assert largest[1] < 2 / 6
    assert stack.bias[1].abs().max() < 2 / 6


def test_seeds_differ_and_repeat(bags):
    first, again, other = (train(MODELS, DrawnBags(bags), BagTraining(epochs=2, seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(first.weights, again.weights)
    assert not torch.equal(first.weights, other.weights)


def test_learning_rate_falls_along_half_a_cosine():
    training = BagTraining(lr=0.5, final_lr=0.1)
    assert training.rate(0, 10) == pytest.approx(0.5)
    assert training.rate(5, 10) == pytest.approx(0.3)
    assert training.rate(9, 10) < 0.12


@pytest.mark.parametrize("given", [{"epochs": 0}, {"batch": 0}, {"lr": 0.0}, {"lr": math.inf}])
def test_bad_trainings(given):
    with pytest.raises(VisaeError, match=r"epochs is .*, batch .*, lr"):
        BagTraining(**given)
