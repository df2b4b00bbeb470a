"""Evidence at one position: against the evidence at all positions."""

import pytest
import torch
from detector_inputs import FEATURES, MARGIN, constant_maps, random, random_maps, sparse_maps

from visae.networks.planted._at_position import EvidenceAtPosition
from visae.networks.planted._detect import evidence


@pytest.mark.parametrize("make", [random_maps, sparse_maps, constant_maps])
def test_evidence_at_one_position_and_its_gradient_are_those_of_the_maps(make):
    patch = make()[:, :, 2 : 2 * MARGIN + 4, 1 : 2 * MARGIN + 3]
    gathered_input, map_input = patch.clone().requires_grad_(), patch.clone().requires_grad_()
    gathered = EvidenceAtPosition(FEATURES, MARGIN).double()(gathered_input)
    maps = evidence(map_input, FEATURES, MARGIN, (1, 1))
    assert gathered.shape == (2, len(FEATURES), 1, 1)
    torch.testing.assert_close(gathered, maps)
    weights = random(*gathered.shape) - 0.5
    gathered_gradient = torch.autograd.grad(gathered, gathered_input, weights)[0]
    map_gradient = torch.autograd.grad(maps, map_input, weights)[0]
    assert map_gradient.count_nonzero() > 50
    torch.testing.assert_close(gathered_gradient, map_gradient)
