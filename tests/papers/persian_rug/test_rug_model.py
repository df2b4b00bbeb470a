import math

import numpy as np
import pytest
import torch

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.papers.persian_rug import RugModel, RugStack, RugTraining, sample_inputs, train
from visae.papers.persian_rug._model import batches, bottleneck, held_out_losses, initial_stack, sparsify
from visae.papers.persian_rug._theory import input_moment, input_variance

BRIEF = RugTraining(steps=30, batch=64, held_out=512)


@pytest.mark.parametrize("p", [1e-3, 0.045, 0.3, 1.0])
def test_samples_have_the_moments_of_the_distribution(p):
    x = sample_inputs(2000, 200, p, generator(0, "test")).double()
    assert x.shape == (2000, 200)
    assert x.min() >= 0
    assert x.max() <= 1
    count = x.numel()
    assert (x > 0).double().mean().item() == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / count) + 1e-6)
    assert x.mean().item() == pytest.approx(input_moment(p, 1), abs=5 * math.sqrt(input_variance(p) / count))
    assert x.square().mean().item() == pytest.approx(input_moment(p, 2), abs=5 * math.sqrt(p / 5 / count))
    active = x[x > 0].sort().values
    steps = torch.arange(len(active)) / len(active)
    assert (active - steps).abs().max() < 2.5 / math.sqrt(len(active))


def test_one_draw_serves_all_densities():
    uniform = torch.tensor([0.0, 0.1, 0.2, 0.9])
    assert sparsify(uniform, torch.tensor(0.2)).tolist() == pytest.approx([0, 0.5, 0, 0])
    both = sparsify(uniform, torch.tensor([[0.4], [1.0]]))
    torch.testing.assert_close(both, torch.tensor([[0.0, 0.25, 0.5, 0], [0.0, 0.1, 0.2, 0.9]]))


@pytest.mark.parametrize(("n", "ratio", "d"), [(512, 0.25, 128), (64, 0.1, 6), (8, 0.01, 1), (8, 0.99, 7), (2, 0.5, 1)])
def test_bottleneck_is_the_nearest_width(n, ratio, d):
    assert bottleneck(n, ratio) == d


@pytest.mark.parametrize("ratio", [0.0, 1.0, -0.5, 2, math.nan])
def test_ratios_out_of_range(ratio):
    with pytest.raises(VisaeError, match=r"^ratio is "):
        bottleneck(16, ratio)


def test_one_feature_has_no_bottleneck():
    with pytest.raises(VisaeError, match=r"1 features .* 2 or more"):
        bottleneck(1, 0.5)


def random_stack(m, d, n):
    source = torch.Generator().manual_seed(0)
    shapes = ((m, d, n), (m, n, d), (m, n))
    return RugStack(*(torch.randn(shape, generator=source) for shape in shapes))


def test_stack_computes_each_model():
    stack = random_stack(3, 2, 5)
    x = torch.rand(3, 7, 5, generator=torch.Generator().manual_seed(1))
    losses = []
    for model in range(3):
        W_in, W_out, b = (tensor[model].double().numpy() for tensor in stack.parameters())
        inputs = x[model].double().numpy()
        outputs = np.array([np.maximum(W_out @ (W_in @ row) + b, 0) for row in inputs])
        np.testing.assert_allclose(stack(x)[model].numpy(), outputs, atol=1e-5)
        np.testing.assert_allclose(stack.weights()[model].numpy(), W_out @ W_in, atol=1e-5)
        losses.append(((outputs - inputs) ** 2).mean())
    assert stack.losses(x).tolist() == pytest.approx(losses, rel=1e-5)


def test_models_side_by_side_lose_what_they_lose_alone():
    """The bound of the page: a model of twice the features with the mean of the losses."""
    stack = random_stack(2, 2, 5)
    wide = RugStack(torch.block_diag(*stack.W_in)[None], torch.block_diag(*stack.W_out)[None], stack.b.flatten()[None])
    x = torch.rand(2, 9, 5, generator=torch.Generator().manual_seed(1))
    together = torch.cat(list(x), 1)[None]
    assert wide.losses(together).item() == pytest.approx(stack.losses(x).mean().item(), rel=1e-6)


def slow_training(n, start, inputs, training):
    """Gradients by hand and Adam as published, in float64."""
    W_in, W_out, b = (tensor[0].double().numpy().copy() for tensor in start.parameters())
    parameters = [W_in, W_out, b]
    first, second = ([np.zeros_like(parameter) for parameter in parameters] for _ in range(2))
    for step, x in enumerate(inputs):
        h = x @ W_in.T
        z = h @ W_out.T + b
        error = 2 * (np.maximum(z, 0) - x) * (z > 0) / len(x)
        gradients = [(error @ W_out).T @ x, error.T @ h, error.sum(0)]
        rate = training.lr / math.sqrt(n) * (1 + math.cos(math.pi * step / training.steps)) / 2
        for parameter, gradient, m, v in zip(parameters, gradients, first, second, strict=True):
            m += 0.1 * (gradient - m)
            v += 0.001 * (gradient**2 - v)
            parameter -= rate * (m / (1 - 0.9 ** (step + 1))) / (np.sqrt(v / (1 - 0.999 ** (step + 1))) + 1e-8)
    return parameters


@pytest.mark.parametrize("start", ["tied", "apart"])
def test_training_is_adam_on_the_squared_error(start):
    training = RugTraining(steps=12, batch=32, lr=0.05, held_out=512, start=start)
    models = [RugModel(0.25, 0.3, seed=2)]
    stream = batches(8, models, 32, "inputs", "cpu")
    inputs = [next(stream)[0].double().numpy() for _ in range(12)]
    slow = slow_training(8, initial_stack(8, models, start, "cpu"), inputs, training)
    stack = train(8, models, training).stack
    for tensor, expected in zip(stack.parameters(), slow, strict=True):
        np.testing.assert_allclose(tensor[0].numpy(), expected, atol=2e-5)


def test_sweep_trains_each_model_as_if_alone():
    models = [RugModel(ratio, p, seed) for ratio, p, seed in [(0.25, 0.1, 0), (0.5, 0.1, 1), (0.25, 0.4, 1)]]
    together = train(16, models, BRIEF)
    assert together.stack.W_in.shape == (3, 8, 16)
    for index, model in enumerate(models):
        alone = train(16, [model], BRIEF)
        d = alone.stack.W_in.shape[1]
        W_in, W_out, b = (tensor[index] for tensor in together.stack.parameters())
        for tensor, single in zip((W_in[:d], W_out[:, :d], b), alone.stack.parameters(), strict=True):
            torch.testing.assert_close(tensor, single[0], atol=1e-4, rtol=1e-4)
        assert not W_in[d:].any()
        assert not W_out[:, d:].any()
        assert together.losses[index].item() == pytest.approx(alone.losses[0].item(), rel=1e-3)


def test_trained_model_beats_one_that_outputs_zero():
    trained = train(32, [RugModel(0.25, 0.045)], RugTraining(steps=400, batch=128, held_out=4096))
    assert trained.losses.item() < 0.5 * 0.045 / 3


def test_loss_is_measured_on_inputs_that_training_does_not_draw():
    models = [RugModel(0.25, 0.3), RugModel(0.5, 0.1)]
    zero = RugStack(torch.zeros(2, 4, 8), torch.zeros(2, 8, 4), torch.zeros(2, 8))
    # A model that outputs 0 loses p / 3.
    assert held_out_losses(zero, models, 40_000).tolist() == pytest.approx([0.1, 0.1 / 3], rel=0.02)
    trained_on, held_out = (next(batches(8, models, 4, purpose, "cpu")) for purpose in ("inputs", "held out"))
    assert not torch.equal(trained_on, held_out)


def test_seeds_differ_and_repeat():
    first, again, other = (train(8, [RugModel(0.25, 0.3, seed)], BRIEF).stack.W_in for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_initial_weights():
    tied, apart = (initial_stack(64, [RugModel(0.25, 0.1)], start, "cpu") for start in ("tied", "apart"))
    torch.testing.assert_close(tied.W_out, tied.W_in.mT)
    assert tied.weights().diagonal(dim1=1, dim2=2).mean().item() == pytest.approx(1, abs=0.15)
    assert apart.W_in.abs().max() <= 1 / 8
    assert apart.W_out.abs().max() <= 1 / 4
    assert abs(apart.weights().diagonal(dim1=1, dim2=2).mean().item()) < 0.05


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: train(8, [RugModel(0.25, 1.5)], BRIEF), "p is 1.5;"),
        (lambda: train(8, [RugModel(0.0, 0.5)], BRIEF), "ratio is 0;"),
        (lambda: RugTraining(steps=0), "steps is 0"),
        (lambda: RugTraining(lr=0.0), "lr 0;"),
    ],
)
def test_bad_arguments(call, words):
    with pytest.raises(VisaeError, match=words):
        call()
