"""Joint tuning of steerable filters, for which it is known, and of engineered responses; deviations by hand."""

import math

import numpy as np
import pytest
import torch

import visae
from visae._support.errors import VisaeError
from visae.examples import strongest
from visae.images import Leaves, rotated_crops
from visae.tuning import JointTuning, angular_distance, joint_tuning, natural_deviation
from visae.tuning._views import viewing
from visae.units import Units, neurons

ANGLES = (0.0, 40.0, 100.0, 200.0, 310.0)


class SteerableFilters(torch.nn.Module):
    """Derivatives of a Gaussian in five directions: order 1 responds to edges, order 2 to lines."""

    def __init__(self, order):
        super().__init__()
        axis = torch.arange(-6.0, 7.0)
        v, u = torch.meshgrid(axis, axis, indexing="ij")
        gaussian = torch.exp(-(u**2 + v**2) / (2 * 2.0**2))
        kernels = []
        for degrees in ANGLES:
            along = u * math.cos(math.radians(degrees)) + v * math.sin(math.radians(degrees))
            kernel = (along if order == 1 else 4.0 - along**2) * gaussian
            kernels.append(kernel - gaussian * (kernel.sum() / gaussian.sum()))
        weight = torch.stack(kernels)[:, None].expand(-1, 3, -1, -1)
        self.conv = torch.nn.Conv2d(3, len(ANGLES), 13, stride=2, bias=False)
        self.conv.weight = torch.nn.Parameter(weight.contiguous())
        self.relu = torch.nn.ReLU()

    def forward(self, x):
        return self.relu(self.conv(x))


def filters(order):
    return neurons(visae.Network.from_module(SteerableFilters(order), layers=["relu"]), "relu")


@pytest.mark.slow
@pytest.mark.parametrize(("order", "period"), [(1, 360.0), (2, 180.0)])
def test_angles_between_steerable_filters_are_recovered(order, period):
    units, images = filters(order), Leaves(12, 96)
    examples = strongest([units], images, 4, 16.0)[0]
    joint = joint_tuning(units, range(5), examples, images, period=period)
    directions = torch.tensor(ANGLES)
    expected = (directions[None] - directions[:, None]) % period
    assert angular_distance(joint.orientation_differences(period), expected, period).max() < 5
    assert joint.disagreement(directions % period, period) < 4
    assert joint.disagreement(-directions % period, period) > 20
    # A unit responds most to its own examples as they are.
    assert (joint.own.argmax(1) % (period / 10) == 0).all()
    if order == 1:
        cosine = torch.cos(torch.deg2rad(joint.degrees)).clamp_min(0)
        assert min(torch.corrcoef(torch.stack([curve, cosine]))[0, 1] for curve in joint.own) > 0.99
    assert joint.units == (0, 1, 2, 3, 4)
    assert joint.examples == (4,) * 5


def test_joint_tuning_is_the_mean_over_examples_rolled_to_their_peak():
    """Against one crop after another through the network."""
    units, images = filters(1), Leaves(8, 96)
    examples = strongest([units], images, 3, 16.0)[0]
    joint = joint_tuning(units, [1, 2], examples, images)
    size, position, centre = viewing(units.layer)
    slow = torch.zeros(2, 36)
    for image, row, column in examples.positions(1):
        pixels = images.read(image)[0].float() / 255
        point = units.layer.centre(column), units.layer.centre(row)
        crops = [rotated_crops(pixels, *point, torch.tensor([10.0 * step]), size, centre) for step in range(36)]
        responses = torch.stack([units.maps(crop)[0, [1, 2], position, position] for crop in crops], 1)
        upper = torch.where(responses[0] >= responses[0].max() / 2, responses[0], 0.0).double()
        phase = torch.polar(upper, torch.deg2rad(joint.degrees.double())).sum().angle()
        slow += responses.roll(-round(math.degrees(phase.item()) / 10), 1)
    assert torch.allclose(joint.responses[0], slow / 3, atol=1e-4)


def test_units_that_do_not_respond_have_no_orientation_difference():
    responses = torch.zeros(2, 2, 36)
    responses[0, 0, 0], responses[1, 1, 0], responses[0, 1, 9] = 1.0, 2.0, 0.1
    joint = JointTuning((4, 7), (1, 1), torch.arange(36) * 10.0, responses)
    differences = joint.orientation_differences()
    assert differences[0, 1].isnan()
    assert differences[1, 0].isnan()
    assert math.isnan(joint.disagreement(torch.tensor([0.0, 90.0])))
    responses[0, 1, 9] = 0.3
    assert joint.orientation_differences()[0, 1].item() == pytest.approx(90)
    assert joint.disagreement(torch.tensor([10.0, 110.0])) == pytest.approx(10)
    assert joint.disagreement(torch.tensor([350.0, 80.0])) == pytest.approx(0, abs=1e-3)


def test_disagreement_of_one_unit():
    """Four bumps 90 degrees apart; natural images put the last one 40 degrees from where circles do."""
    degrees, true = torch.arange(36) * 10.0, torch.tensor([0.0, 90.0, 180.0, 310.0])
    distances = (degrees - (true[None] - true[:, None])[:, :, None] + 180).remainder(360) - 180
    joint = JointTuning((3, 5, 8, 9), (1,) * 4, degrees, torch.exp(-(distances**2) / 800))
    by_circles = torch.tensor([0.0, 90.0, 180.0, 270.0])
    everyone = (3, 5, 8, 9)
    assert joint.unit_disagreement(9, everyone, by_circles) == pytest.approx(40, abs=0.5)
    assert joint.unit_disagreement(3, everyone, by_circles) == pytest.approx(0, abs=0.5)
    # Two pairs with the deviating unit are too few, four with the others are not.
    assert math.isnan(joint.unit_disagreement(3, (9,), by_circles))
    assert joint.unit_disagreement(3, (5, 8), by_circles) == pytest.approx(0, abs=0.5)
    assert joint.disagreement(true) == pytest.approx(0, abs=0.5)


def test_no_units_and_few_steps_are_refused():
    units, images = filters(1), Leaves(2, 96)
    examples = strongest([units], images, 1)[0]
    with pytest.raises(VisaeError, match="joint tuning needs units"):
        joint_tuning(units, [], examples, images)
    with pytest.raises(VisaeError, match="4 orientations; ask for at least 8"):
        joint_tuning(units, [0], examples, images, 4)


def test_deviation_is_over_all_positions_of_all_images(network):
    # The last reads the maps that the first has read: they must be unchanged.
    populations = [neurons(network, name) for name in ("mixed", "truth", "mixed")]
    images = torch.rand(3, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    deviations = natural_deviation(populations, [images[:2], images[2:]])
    for units, deviation in zip(populations, deviations, strict=True):
        rows = units.maps(images).double().movedim(1, -1).reshape(-1, len(units)).numpy()
        np.testing.assert_allclose(deviation, rows.std(0), rtol=1e-4, atol=1e-7)
        assert isinstance(units, Units)
    with pytest.raises(VisaeError, match="no images"):
        natural_deviation(populations, [])
