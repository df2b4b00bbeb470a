"""The gradient of ReLU where it is inactive, inside the context alone."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from visae.featurevis._redirected_relu import redirected
from visae.networks.planted._channels import CHANNEL_NAMES, FilterBank

CALLS = {
    "torch": torch.relu,
    "method": lambda x: x.relu(),
    "functional": F.relu,
    "module": nn.ReLU(),
    "module in place": lambda x: nn.ReLU(inplace=True)(x * 1),
    "functional in place": lambda x: F.relu(x * 1, True),
    "in place": lambda x: torch.relu_(x * 1),
    "method in place": lambda x: (x * 1).relu_(),
}


def values_and_gradient(relu, x, weights=1.0):
    x = x.clone().requires_grad_()
    values = relu(x)
    return values.detach(), torch.autograd.grad((values * weights).sum(), x)[0]


@pytest.mark.parametrize("relu", CALLS.values(), ids=CALLS)
def test_only_silent_images_get_redirected_gradients(relu):
    x = torch.tensor([[-1.0, -2.0], [-1.0, 3.0]])
    with redirected():
        values, gradient = values_and_gradient(relu, x)
    assert torch.equal(values, x.clamp_min(0))
    assert gradient.tolist() == [[1, 1], [0, 1]]
    values, gradient = values_and_gradient(relu, x)
    assert torch.equal(values, x.clamp_min(0))
    assert gradient.tolist() == [[0, 0], [0, 1]]


def test_gradients_that_would_lower_an_input_are_blocked():
    with redirected():
        assert values_and_gradient(torch.relu, torch.tensor([[-1.0]]), -1.0)[1].item() == 0


def test_only_gradients_of_at_least_half_the_strongest_pass():
    weights = torch.tensor([[1.0, 0.5, 0.49, -2.0], [-1.0, 0.1, 0.06, 0.0]])
    with redirected():
        gradient = values_and_gradient(torch.relu, -torch.ones(2, 4), weights)[1]
    assert torch.equal(gradient, torch.tensor([[1.0, 0.5, 0, 0], [0, 0.1, 0.06, 0]]))


def test_in_place_relu_changes_its_input():
    with redirected():
        x = torch.tensor([[-1.0, 2.0]])
        torch.relu_(x)
    assert x.tolist() == [[0, 2]]


def test_torch_is_restored_after_an_exception():
    with pytest.raises(KeyboardInterrupt), redirected():
        raise KeyboardInterrupt
    assert values_and_gradient(torch.relu, torch.tensor([[-1.0]]))[1].item() == 0


def test_gradients_reach_pixels_through_an_absent_planted_edge():
    channels, edges = FilterBank(), [index for index, name in enumerate(CHANNEL_NAMES) if name.startswith("edge")]
    images = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(1)).requires_grad_()

    def gradient_of_weakest():
        values = channels(images)[0, edges, 6, 6]
        assert values.min() == 0
        return torch.autograd.grad(values[values.argmin()], images)[0]

    assert not gradient_of_weakest().any()
    with redirected():
        assert gradient_of_weakest().any()
