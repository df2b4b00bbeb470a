"""What pictures reach: against the units read by hand."""

import pytest
import torch

import visae
from visae.featurevis import Optimisation, render
from visae.featurevis._reached import reached
from visae.featurevis._window import window
from visae.featurevis.objectives import everywhere, unit
from visae.images import Leaves
from visae.units import features, neurons


@pytest.fixture(scope="module")
def network():
    return visae.network("planted", device="cpu")


def test_of_neurons_it_is_the_objective(network):
    of, numbers = neurons(network, "mixed"), [3, 40, 7]
    found = render(network, unit(of, numbers), optimisation=Optimisation(4))
    shown = window(network, unit(of, numbers), None)
    torch.testing.assert_close(reached(of, numbers, found.pictures, shown), found.values, rtol=1e-4, atol=1e-6)
    whole = window(network, unit(of, numbers, everywhere), 64)
    pictures = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = of.maps(pictures).mean((2, 3))[range(3), numbers]
    torch.testing.assert_close(reached(of, numbers, pictures, whole, everywhere), expected)


def test_of_features_it_is_their_value_and_alpha_is_over_grey(network):
    sae = visae.TopK(width=12, k=6).build(48, torch.Generator().manual_seed(0)).requires_grad_(False)
    of, numbers = features(network, "mixed", sae), list(range(12))
    shown = window(network, unit(of, numbers), 64)
    leaves = torch.stack([Leaves(12, 64).read(place)[0] for place in range(12)]).float() / 255
    pictures = torch.cat([leaves, torch.rand(12, 1, 64, 64, generator=torch.Generator().manual_seed(1)) ** 0.1], 1)
    alpha = pictures[:, 3:]
    opaque = alpha * pictures[:, :3] + (1 - alpha) * 0.5
    maps = of.maps(shown.still(opaque, torch.Generator()))
    middle = maps.shape[2] // 2
    found = reached(of, numbers, pictures, shown)
    torch.testing.assert_close(found, maps[range(12), numbers, middle, middle], rtol=1e-4, atol=1e-5)
    assert 0 < (found > 0).sum() < 12
    torch.testing.assert_close(found, reached(of, numbers, opaque, shown), rtol=1e-4, atol=1e-5)
