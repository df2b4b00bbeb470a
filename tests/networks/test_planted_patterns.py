"""Each planted feature fires for its pattern, and for its pattern only."""

import functools
import itertools

import pytest
import torch
from patterns import POSITION, disc, edge, gradient, image, line, ring, spot, uniform

from visae.networks.planted import PlantedNetwork
from visae.networks.planted._network import INHIBITION

KINDS = {
    "curve": slice(0, 48),
    "line": slice(48, 56),
    "edge": slice(56, 64),
    "spot": slice(64, 70),
}
RADII = {10: 0, 22: 24}  # px: index of the first curve
# Largest response of a feature to anything but its pattern: at most a tenth of what its own pattern evokes.
SILENT = 0.05
LOUD = 0.3
# Positions whose receptive fields lie within the images: elsewhere, replicated borders bend straight contours.
INNER = slice(7, 18)


@pytest.fixture(scope="module", params=[0.0, INHIBITION], ids=lambda strength: f"inhibition {strength}")
def network(request):
    return PlantedNetwork(request.param)


@pytest.fixture(scope="module")
def largest(network):
    """The largest response of every feature to a pattern of `SILENCE`, computed once: {pattern: [70]}."""

    @functools.cache
    def largest(pattern):
        return responses(network, SILENCE[pattern][0]).amax((0, 2, 3))

    return largest


@torch.inference_mode()
def responses(network, images):
    """Responses of all features, [n, 70, 11, 11]."""
    return network.read(torch.cat(images), ["truth"])["truth"][:, :, INNER, INNER]


def at_the_middle(network, images):
    """Responses of all features at the middle, [n, 70]."""
    middle = POSITION - INNER.start
    return responses(network, images)[:, :, middle, middle]


ANGLES = [7.5 * index for index in range(48)]
SHIFTS = (0.0, 1.3)
CIRCLES = list(itertools.product(range(0, 360, 15), RADII))
GREY = torch.rand(1, 96, 96, generator=torch.Generator().manual_seed(0))
# Patterns, and the kinds of features that must be silent for them.
SILENCE = {
    "uniform grey": ([uniform(v, v, v) for v in (0.0, 0.4, 1.0)], "curve line edge spot"),
    "uniform colour": ([uniform(*rgb) for rgb in itertools.product((0.0, 0.5, 1.0), repeat=3)], "curve line edge spot"),
    "gradients": ([gradient(angle) for angle in ANGLES], "curve line edge spot"),
    "grey noise": ([image(GREY)], "spot"),
    "edges": ([edge(angle, shift) for angle in ANGLES for shift in SHIFTS], "curve spot"),
    "faint edges": ([edge(angle, contrast=0.2) for angle in ANGLES], "curve spot"),
    "dark lines": ([line(angle, w, s) for angle in ANGLES[:24] for w in (2.0, 4.0) for s in SHIFTS], "curve spot"),
    "light lines": ([line(angle, 3.0, s, light=True) for angle in ANGLES[:24] for s in SHIFTS], "curve spot"),
    "rings": ([ring(*circle) for circle in CIRCLES], "line edge spot"),
    "discs": ([disc(*circle) for circle in CIRCLES], "line edge spot"),
    "spots": ([spot(hue) for hue in range(0, 360, 60)], "line edge"),
}
CASES = [(pattern, kind) for pattern, (_, kinds) in SILENCE.items() for kind in kinds.split()]


@pytest.mark.slow
@pytest.mark.parametrize(("pattern", "kind"), CASES)
def test_features_are_silent_unless_their_pattern_is_present(largest, pattern, kind):
    assert largest(pattern)[KINDS[kind]].max().item() < SILENT


@pytest.mark.slow
@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("draw", [ring, disc])
def test_a_curve_fires_for_its_own_circle_more_than_any_other_curve(network, draw, radius):
    middle = at_the_middle(network, [draw(15 * index, radius) for index in range(24)])[:, KINDS["curve"]]
    own = [RADII[radius] + index for index in range(24)]
    assert middle.argmax(1).tolist() == own
    best = middle.topk(2).values
    assert best[:, 0].min() > LOUD
    assert (best[:, 1] < 0.8 * best[:, 0]).all()


@pytest.mark.parametrize("radius", RADII)
def test_between_two_orientations_one_of_them_wins(network, radius):
    middle = at_the_middle(network, [ring(15 * index + 7.5, radius) for index in range(24)])[:, KINDS["curve"]]
    for index, winner in enumerate(middle.argmax(1).tolist()):
        assert winner - RADII[radius] in (index, (index + 1) % 24)


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("width", [2.0, 3.0, 4.0])
def test_a_line_fires_for_its_own_orientation_at_either_polarity(network, width, light):
    middle = at_the_middle(network, [line(22.5 * index, width, light=light) for index in range(8)])[:, KINDS["line"]]
    assert middle.argmax(1).tolist() == list(range(8))
    assert middle.diagonal().min() > LOUD


@pytest.mark.parametrize("contrast", [1.0, 0.4])
def test_an_edge_fires_for_its_own_orientation_and_polarity(network, contrast):
    middle = at_the_middle(network, [edge(45.0 * index, contrast=contrast) for index in range(8)])[:, KINDS["edge"]]
    assert middle.argmax(1).tolist() == list(range(8))
    assert middle.diagonal().min() > LOUD
    # A turn by 180 degrees exchanges light and dark: only the opposite detector responds.
    opposite = middle[torch.arange(8), (torch.arange(8) + 4) % 8]
    assert opposite.max() == 0


@pytest.mark.parametrize("radius", [4.0, 5.0, 6.0])
def test_a_spot_fires_for_a_disc_of_its_hue_only(network, radius):
    middle = at_the_middle(network, [spot(60 * index, radius) for index in range(6)])[:, KINDS["spot"]]
    assert middle.diagonal().min() > LOUD
    assert (middle - middle.diagonal().diag()).max() < SILENT


def test_a_spot_needs_a_surround_of_another_colour(network):
    middle = at_the_middle(network, [spot(60 * index, 30.0) for index in range(6)])[:, KINDS["spot"]]
    assert middle.max() < SILENT


def test_contrast_hardly_matters_once_a_contour_is_clear(network):
    images = [ring(30, 10), 0.25 + 0.5 * ring(30, 10)]
    full, half = at_the_middle(network, images)[:, KINDS["curve"]].amax(1)
    assert half > 0.6 * full
