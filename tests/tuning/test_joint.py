"""Joint tuning: of steerable filters, for which it is known, and of made responses."""

import math

import pytest
import torch

import visae
from visae._support.errors import VisaeError
from visae.examples import strongest
from visae.images import Leaves
from visae.tuning import Joint, joint_tuning
from visae.units import neurons

ANGLES = (0.0, 40.0, 100.0, 200.0, 310.0)


class Bank(torch.nn.Module):
    """Derivatives of a Gaussian in some directions: of order 1 they see edges, of order 2 lines."""

    def __init__(self, order):
        super().__init__()
        at = torch.arange(-9.0, 10.0)
        v, u = torch.meshgrid(at, at, indexing="ij")
        bell = torch.exp(-(u**2 + v**2) / (2 * 3.0**2))
        kernels = []
        for degrees in ANGLES:
            along = u * math.cos(math.radians(degrees)) + v * math.sin(math.radians(degrees))
            kernel = (along if order == 1 else 9.0 - along**2) * bell
            kernels.append(kernel - bell * (kernel.sum() / bell.sum()))
        weight = torch.stack(kernels)[:, None].expand(-1, 3, -1, -1)
        self.conv = torch.nn.Conv2d(3, len(ANGLES), 19, stride=2, bias=False)
        self.conv.weight = torch.nn.Parameter(weight.contiguous())
        self.relu = torch.nn.ReLU()

    def forward(self, x):
        return self.relu(self.conv(x))


def bank(order):
    return neurons(visae.Network.from_module(Bank(order), layers=["relu"]), "relu")


@pytest.mark.parametrize(("order", "period"), [(1, 360.0), (2, 180.0)])
def test_the_angles_between_steerable_filters_come_back(order, period):
    units, images = bank(order), Leaves(40, 96)
    examples = strongest([units], images, 6, 16.0)[0]
    joint = joint_tuning(units, range(5), examples, images, period=period)
    turns = torch.tensor(ANGLES)
    expected = (turns[None] - turns[:, None]) % period
    away = (joint.apart(period) - expected + period / 2).remainder(period) - period / 2
    assert away.abs().max() < 5
    assert joint.disagreement(turns % period, period) < 4
    assert joint.disagreement(-turns % period, period) > 20
    # Its own examples excite a unit most as they are.
    assert (joint.own.argmax(1) % (period / 10) == 0).all()


def test_own_tuning_is_that_of_a_cosine():
    units, images = bank(1), Leaves(40, 96)
    joint = joint_tuning(units, [0, 3], strongest([units], images, 6, 16.0)[0], images)
    expected = torch.cos(torch.deg2rad(joint.degrees)).clamp_min(0)
    for curve in joint.own:
        assert torch.corrcoef(torch.stack([curve, expected]))[0, 1] > 0.99
    assert joint.units == (0, 3)
    assert joint.examples == (6, 6)


def test_it_is_the_mean_over_the_examples_rolled_to_their_peak():
    """Against one crop after another through the network."""
    from visae.images import rotated_crops
    from visae.tuning._views import viewing

    units, images = bank(1), Leaves(12, 96)
    examples = strongest([units], images, 3, 16.0)[0]
    joint = joint_tuning(units, [1, 2], examples, images)
    size, position, centre = viewing(units.layer)
    slow = torch.zeros(2, 36)
    for image, row, column in examples.positions(1):
        pixels = images.read(image)[0].float() / 255
        at = units.layer.centre(column), units.layer.centre(row)
        crops = [rotated_crops(pixels, *at, torch.tensor([10.0 * step]), size, centre) for step in range(36)]
        answers = torch.stack([units.maps(crop)[0, [1, 2], position, position] for crop in crops], 1)
        upper = torch.where(answers[0] >= answers[0].max() / 2, answers[0], 0.0).double()
        phase = torch.polar(upper, torch.deg2rad(joint.degrees.double())).sum().angle()
        slow += answers.roll(-round(math.degrees(phase.item()) / 10), 1)
    assert torch.allclose(joint.responses[0], slow / 3, atol=1e-4)


def test_units_that_do_not_answer_have_no_angle():
    responses = torch.zeros(2, 2, 36)
    responses[0, 0, 0], responses[1, 1, 0], responses[0, 1, 9] = 1.0, 2.0, 0.1
    joint = Joint((4, 7), (1, 1), torch.arange(36) * 10.0, responses)
    apart = joint.apart()
    assert apart[0, 1].isnan()
    assert apart[1, 0].isnan()
    assert math.isnan(joint.disagreement(torch.tensor([0.0, 90.0])))
    responses[0, 1, 9] = 0.3
    assert joint.apart()[0, 1].item() == pytest.approx(90)
    assert joint.disagreement(torch.tensor([10.0, 110.0])) == pytest.approx(10)
    assert joint.disagreement(torch.tensor([350.0, 80.0])) == pytest.approx(0, abs=1e-3)


def test_a_unit_that_is_off_is_told_from_others():
    """Four bumps 90 degrees apart, the last of which natural images put 40 degrees from where circles do."""
    degrees, true = torch.arange(36) * 10.0, torch.tensor([0.0, 90.0, 180.0, 310.0])
    away = (degrees - (true[None] - true[:, None])[:, :, None] + 180).remainder(360) - 180
    joint = Joint((3, 5, 8, 9), (1,) * 4, degrees, torch.exp(-(away**2) / 800))
    by_circles = torch.tensor([0.0, 90.0, 180.0, 270.0])
    everyone = (3, 5, 8, 9)
    assert joint.disagreement_of(9, everyone, by_circles) == pytest.approx(40, abs=0.5)
    assert joint.disagreement_of(3, everyone, by_circles) == pytest.approx(0, abs=0.5)
    # Two pairs with the one that is off are too few, four with the others are not.
    assert math.isnan(joint.disagreement_of(3, (9,), by_circles))
    assert joint.disagreement_of(3, (5, 8), by_circles) == pytest.approx(0, abs=0.5)
    assert joint.disagreement(true) == pytest.approx(0, abs=0.5)


def test_no_units_and_few_steps_are_refused():
    units, images = bank(1), Leaves(4, 96)
    examples = strongest([units], images, 1)[0]
    with pytest.raises(VisaeError, match="joint tuning of no units"):
        joint_tuning(units, [], examples, images)
    with pytest.raises(VisaeError, match="4 orientations; ask for at least 8"):
        joint_tuning(units, [0], examples, images, 4)
