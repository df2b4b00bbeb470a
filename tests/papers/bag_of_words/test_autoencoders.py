import math

import numpy as np
import pytest
import torch

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.papers.bag_of_words import Recipe, Stack
from visae.papers.bag_of_words._autoencoders import start


def test_reconstructions_are_those_of_the_formula():
    source = generator(0, "stack")
    stack = Stack(
        torch.randn(2, 3, 5, generator=source), torch.randn(2, 5, generator=source), torch.tensor([0.0, -math.inf])
    )
    x = torch.rand(2, 4, 5, generator=source)
    found = stack.reconstruct(x)
    for member in range(2):
        W, b = stack.weights[member].double().numpy(), stack.bias[member].double().numpy()
        for bag in range(4):
            slow = W.T @ (W @ x[member, bag].double().numpy()) + b
            slow = np.maximum(slow, 0) if member == 0 else slow
            np.testing.assert_allclose(found[member, bag], slow, atol=1e-5)
        np.testing.assert_allclose(stack.gram()[member], W.T @ W, atol=1e-5)
    assert (found[1] < 0).any()
    alone = stack.member(1)
    torch.testing.assert_close(alone.reconstruct(x[1:]), found[1:])
    # The same bags for all.
    torch.testing.assert_close(stack.reconstruct(x[:1])[0], found[0])


def test_members_start_as_they_would_alone():
    recipes = [Recipe(2, seed=3), Recipe(4, seed=3), Recipe(3, output="linear", seed=5)]
    stack = start(recipes, 6)
    for index, recipe in enumerate(recipes):
        alone = start([recipe], 6)
        torch.testing.assert_close(stack.weights[index, : recipe.latent], alone.weights[0], rtol=0, atol=0)
        assert not stack.weights[index, recipe.latent :].any()
    assert stack.floor.tolist() == [0.0, 0.0, -math.inf]
    assert not stack.bias.any()
    drawn = start([Recipe(50)], 100).weights * math.sqrt(100)
    assert -1 <= drawn.min() < -0.99
    assert 0.99 < drawn.max() <= 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"latent": 0}, "the latent size is 0; it must be at least 1"),
        ({"latent": 2, "decay": -1.0}, "the weight decay is -1; it must be 0 or more"),
        ({"latent": 2, "decay": math.nan}, "the weight decay is nan; it must be 0 or more"),
    ],
)
def test_recipes_that_cannot_be_are_refused(given, words):
    with pytest.raises(VisaeError, match=words):
        Recipe(**given)


def test_a_latent_larger_than_the_features_is_refused():
    with pytest.raises(VisaeError, match="the latent size is 7, and there are 6 features; it is 1 to 6"):
        start([Recipe(7)], 6)
