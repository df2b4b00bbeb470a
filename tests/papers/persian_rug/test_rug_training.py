import math

import numpy as np
import pytest
import torch

from visae._support.errors import VisaeError
from visae.papers.persian_rug import Member, Stack, Training, train
from visae.papers.persian_rug._training import _inputs, _started, held_out_losses

BRIEF = Training(steps=30, batch=64, held_out=512)


def slow_training(n, d, start, batches, training):
    """Gradients by hand and Adam as published, in float64."""
    W_in, W_out, b = (tensor[0].double().numpy().copy() for tensor in start.parameters())
    parameters = [W_in, W_out, b]
    first, second = ([np.zeros_like(of) for of in parameters] for _ in range(2))
    for step, x in enumerate(batches):
        h = x @ W_in.T
        z = h @ W_out.T + b
        error = 2 * (np.maximum(z, 0) - x) * (z > 0) / len(x)
        gradients = [(error @ W_out).T @ x, error.T @ h, error.sum(0)]
        rate = training.lr / math.sqrt(n) * (1 + math.cos(math.pi * step / training.steps)) / 2
        for of, gradient, one, two in zip(parameters, gradients, first, second, strict=True):
            one += 0.1 * (gradient - one)
            two += 0.001 * (gradient**2 - two)
            of -= rate * (one / (1 - 0.9 ** (step + 1))) / (np.sqrt(two / (1 - 0.999 ** (step + 1))) + 1e-8)
    assert W_in.shape == (d, n)
    return parameters


@pytest.mark.parametrize("start", ["tied", "apart"])
def test_training_is_adam_on_the_squared_error(start):
    training = Training(steps=12, batch=32, lr=0.05, held_out=512, start=start)
    members = [Member(0.25, 0.3, seed=2)]
    inputs = _inputs(8, members, 32, "inputs", "cpu")
    batches = [next(inputs)[0].double().numpy() for _ in range(12)]
    slow = slow_training(8, 2, _started(8, members, start, "cpu"), batches, training)
    found = train(8, members, training).stack
    for tensor, expected in zip(found.parameters(), slow, strict=True):
        np.testing.assert_allclose(tensor[0].numpy(), expected, atol=2e-5)


def test_a_sweep_trains_each_model_as_if_alone():
    members = [Member(ratio, p, seed) for ratio, p, seed in [(0.25, 0.1, 0), (0.5, 0.1, 1), (0.25, 0.4, 1)]]
    together = train(16, members, BRIEF)
    assert together.stack.W_in.shape == (3, 8, 16)
    for index, member in enumerate(members):
        alone = train(16, [member], BRIEF)
        d = alone.stack.W_in.shape[1]
        ours = [tensor[index] for tensor in together.stack.parameters()]
        cut = [ours[0][:d], ours[1][:, :d], ours[2]]
        for tensor, single in zip(cut, alone.stack.parameters(), strict=True):
            torch.testing.assert_close(tensor, single[0], atol=1e-4, rtol=1e-4)
        assert not together.stack.W_in[index, d:].any()
        assert not together.stack.W_out[index, :, d:].any()
        assert together.losses[index].item() == pytest.approx(alone.losses[0].item(), rel=1e-3)


def test_a_trained_model_beats_what_knows_nothing():
    found = train(32, [Member(0.25, 0.045)], Training(steps=400, batch=128, held_out=4096))
    assert found.losses.item() < 0.5 * 0.045 / 3


def test_the_loss_is_that_of_inputs_which_training_does_not_draw():
    members = [Member(0.25, 0.3), Member(0.5, 0.1)]
    zero = Stack(torch.zeros(2, 4, 8), torch.zeros(2, 8, 4), torch.zeros(2, 8))
    # A model that answers 0 loses p / 3.
    assert held_out_losses(zero, members, 40_000).tolist() == pytest.approx([0.1, 0.1 / 3], rel=0.02)
    one, other = (next(_inputs(8, members, 4, purpose, "cpu")) for purpose in ("inputs", "held out"))
    assert not torch.equal(one, other)


def test_seeds_differ_and_repeat():
    one, again, other = (train(8, [Member(0.25, 0.3, seed)], BRIEF).stack.W_in for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.allclose(one, other)


def test_starts():
    tied, apart = (_started(64, [Member(0.25, 0.1)], start, "cpu") for start in ("tied", "apart"))
    torch.testing.assert_close(tied.W_out, tied.W_in.mT)
    assert tied.weights().diagonal(dim1=1, dim2=2).mean().item() == pytest.approx(1, abs=0.15)
    assert apart.W_in.abs().max() <= 1 / 8
    assert apart.W_out.abs().max() <= 1 / 4
    assert abs(apart.weights().diagonal(dim1=1, dim2=2).mean().item()) < 0.05


def test_settings_outside_are_refused():
    for call, words in (
        (lambda: train(8, [Member(0.25, 1.5)], BRIEF), "p is 1.5;"),
        (lambda: train(8, [Member(0.0, 0.5)], BRIEF), "ratio is 0;"),
        (lambda: Training(steps=0), "steps is 0"),
        (lambda: Training(lr=0.0), "lr 0;"),
    ):
        with pytest.raises(VisaeError, match=words):
            call()
