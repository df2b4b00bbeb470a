"""ReLU's gradient where there is none, and only inside the block."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from visae.featurevis._redirect import redirected
from visae.networks.planted._channels import CHANNEL_NAMES, FilterBank

WAYS = {
    "torch": torch.relu,
    "method": lambda x: x.relu(),
    "functional": F.relu,
    "module": nn.ReLU(),
    "module in place": lambda x: nn.ReLU(inplace=True)(x * 1),
    "functional in place": lambda x: F.relu(x * 1, True),
    "in place": lambda x: torch.relu_(x * 1),
    "method in place": lambda x: (x * 1).relu_(),
}


def gradient(way, x, towards=1.0):
    x = x.clone().requires_grad_()
    values = way(x)
    return values.detach(), torch.autograd.grad((values * towards).sum(), x)[0]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_silent_image_has_a_gradient_and_another_that_of_relu(way):
    x = torch.tensor([[-1.0, -2.0], [-1.0, 3.0]])
    with redirected():
        values, found = gradient(way, x)
    assert torch.equal(values, x.clamp_min(0))
    assert found.tolist() == [[1, 1], [0, 1]]
    values, found = gradient(way, x)
    assert torch.equal(values, x.clamp_min(0))
    assert found.tolist() == [[0, 0], [0, 1]]


def test_what_would_push_down_further_does_not_pass():
    with redirected():
        assert gradient(torch.relu, torch.tensor([[-1.0]]), -1.0)[1].item() == 0


def test_only_what_matters_at_least_half_as_much_as_what_matters_most_passes():
    towards = torch.tensor([[1.0, 0.5, 0.49, -2.0], [-1.0, 0.1, 0.06, 0.0]])
    with redirected():
        found = gradient(torch.relu, -torch.ones(2, 4), towards)[1]
    assert torch.equal(found, torch.tensor([[1.0, 0.5, 0, 0], [0, 0.1, 0.06, 0]]))


def test_an_in_place_relu_changes_what_it_is_given():
    with redirected():
        x = torch.tensor([[-1.0, 2.0]])
        torch.relu_(x)
    assert x.tolist() == [[0, 2]]


def test_torch_is_as_before_after_an_exception():
    with pytest.raises(KeyboardInterrupt), redirected():
        raise KeyboardInterrupt
    assert gradient(torch.relu, torch.tensor([[-1.0]]))[1].item() == 0


def test_a_gradient_finds_a_planted_edge_that_is_not_there():
    channels, of_edges = FilterBank(), [index for index, name in enumerate(CHANNEL_NAMES) if name.startswith("edge")]
    images = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(1)).requires_grad_()

    def towards_an_absent_one():
        edges = channels(images)[0, of_edges, 6, 6]
        assert edges.min() == 0
        return torch.autograd.grad(edges[edges.argmin()], images)[0]

    assert not towards_an_absent_one().any()
    with redirected():
        assert towards_an_absent_one().any()
