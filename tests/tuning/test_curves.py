from pathlib import Path

import pytest
import torch

import visae
from visae._support.errors import VisaeError
from visae.tuning import Curves, angular_distance, load_curves
from visae.tuning._views import viewing
from visae.tuning.stimuli import stimulus

STORED = Path(__file__).parent / "stored"


def engineered(peaks, strengths=None, spread=15.0, echoes=None, **rivals):
    """Curves whose tuning is a bump each: at `peaks`, of height `strengths`, with an echo opposite."""
    degrees = torch.arange(72) * 5.0
    strengths = strengths or [1.0] * len(peaks)
    echoes = echoes or [0.0] * len(peaks)

    def bump(centre):
        return torch.exp(-(((degrees - centre + 180).remainder(360) - 180) ** 2) / (2 * spread**2))

    rows = [s * (bump(p) + e * bump(p + 180)) for p, s, e in zip(peaks, strengths, echoes, strict=True)]
    response = torch.stack(rows)[:, None, :].expand(-1, 3, -1).contiguous()
    peaks = {name: torch.tensor(rivals.get(name, [0.0] * len(rows))) for name in ("line", "edge", "angle")}
    radii = torch.tensor([5.0, 10.0, 20.0])
    return Curves("neurons", "engineered", "layer", "stroke", degrees, radii, response, peaks)


def test_detectors_are_sharp_strong_and_without_echo():
    curves = engineered([0.0, 90.0, 180.0], [1.0, 0.05, 0.5], echoes=[0.0, 0.0, 0.2])
    assert curves.detectors.tolist() == [True, False, False]
    assert not engineered([0.0, 90.0], spread=60.0).detectors.any()
    assert curves.count == 1
    assert curves.max_gap == 360.0


def test_detectors_prefer_circles_to_rivals():
    curves = engineered([0.0, 60.0, 120.0, 180.0], line=[0.9, 1.1, 0, 0], edge=[0.9, 0, 1.1, 0], angle=[1.2, 0, 0, 1.3])
    assert curves.detectors.tolist() == [True, False, False, False]


def test_silent_units_are_no_detectors():
    curves = engineered([0.0, 90.0], [1.0, 0.0])
    assert curves.detectors.tolist() == [True, False]
    assert curves.preferred[1].isnan()


def test_tuning_is_the_mean_over_radii_of_positive_responses():
    response = torch.tensor([[[1.0, -4.0], [3.0, 2.0]]])
    curves = Curves("neurons", "n", "l", "stroke", torch.tensor([0.0, 180.0]), torch.tensor([1.0, 2.0]), response)
    assert curves.tuning.tolist() == [[2.0, 1.0]]


def test_gap_is_that_of_the_detectors_alone():
    curves = engineered([0.0, 60.0, 120.0, 180.0, 300.0], [1.0, 1.0, 1.0, 1.0, 0.01])
    assert curves.max_gap == pytest.approx(180.0, abs=0.1)


def test_saved_curves_are_loaded(tmp_path):
    curves = engineered([0.0, 60.0], angle=[0.5, 2.0])
    curves.save(tmp_path / "curves.safetensors")
    loaded = load_curves(tmp_path / "curves.safetensors")
    assert torch.equal(loaded.response, curves.response)
    assert (loaded.kind, loaded.network, loaded.layer, loaded.stimulus) == ("neurons", "engineered", "layer", "stroke")
    assert loaded.detectors.tolist() == [True, False]
    with pytest.raises(VisaeError, match="does not exist"):
        load_curves(tmp_path / "other.safetensors")


def test_curves_of_schema_1_are_loaded(network):
    """A file from before responses to lines, edges and corners were stored."""
    loaded = load_curves(STORED / "curves-1.safetensors")
    swept = visae.curves(visae.neurons(network, "truth"), orientations=12, radii=2)
    assert (loaded.kind, loaded.network, loaded.layer, loaded.stimulus) == ("neurons", "planted", "truth", "stroke")
    torch.testing.assert_close(loaded.response, swept.response)
    torch.testing.assert_close(loaded.radii, swept.radii)
    torch.testing.assert_close(loaded.preferred, swept.preferred, equal_nan=True)
    with pytest.raises(VisaeError, match="lack responses to line, edge, angle"):
        _ = loaded.detectors


@pytest.fixture(scope="module", params=["stroke", "filled"])
def planted_curves(network, request):
    return visae.curves(visae.neurons(network, "truth"), request.param, orientations=36)


@pytest.mark.slow
def test_planted_orientations_are_recovered_to_within_5_degrees(network, planted_curves):
    planted = [feature for feature in network.truth.features if feature.kind == "curve"]
    truth = torch.tensor([feature.orientation for feature in planted])
    assert len(planted) == 48
    assert angular_distance(planted_curves.preferred[: len(planted)], truth).max() < 5


def test_planted_curves_are_the_detectors(network, planted_curves):
    """Planted edges are as sharply tuned to filled circles as curves are, but prefer straight edges."""
    expected = [feature.kind == "curve" for feature in network.truth.features]
    assert planted_curves.detectors.tolist() == expected
    sharp = (planted_curves.selectivity >= 0.85) & (planted_curves.echo <= 0.05)
    edges = torch.tensor([feature.kind == "edge" for feature in network.truth.features])
    assert (sharp & edges).any() == (planted_curves.stimulus == "filled")


def test_planted_radius_is_that_of_the_largest_response(network):
    swept = visae.curves(visae.neurons(network, "truth"), orientations=24, radii=torch.tensor([5.0, 10.0, 22.0, 50.0]))
    best = swept.response[:48].amax(2).argmax(1)
    assert best.tolist() == [1] * 24 + [2] * 24


def test_responses_are_those_of_the_network(network):
    units = visae.neurons(network, "mixed")
    swept = visae.curves(units, orientations=8, radii=torch.tensor([10.0, 22.0]), batch=3)
    size, position, centre = viewing(units.layer)
    for r, radius in enumerate(swept.radii):
        values = {"orientation": swept.orientations, "radius": radius.expand(8)}
        images = stimulus("circle").images(values, size, centre)
        expected = units.maps(images)[:, :, position, position].T
        assert torch.allclose(swept.response[:, r], expected, atol=1e-5)


def test_axes_and_shapes(network):
    swept = visae.curves(visae.neurons(network, "mixed"), orientations=12, radii=3)
    assert swept.response.shape == (48, 3, 12)
    assert {name: peaks.shape for name, peaks in swept.rival_peaks.items()} == dict.fromkeys(
        ("line", "edge", "angle"), (48,)
    )
    assert swept.orientations.tolist() == [30.0 * i for i in range(12)]
    ratios = swept.radii[1:] / swept.radii[:-1]
    assert ratios[0].item() == pytest.approx(ratios[1].item(), rel=1e-4)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"stimulus": "dotted"}, "dotted"), ({"orientations": 4}, "4 orientations"), ({"radii": 0}, "0 radii")],
)
def test_impossible_sweeps_are_refused(network, options, words):
    with pytest.raises(VisaeError, match=words):
        visae.curves(visae.neurons(network, "mixed"), **options)


def test_units_of_a_module_are_swept():
    conv = torch.nn.Conv2d(3, 5, 9, stride=4, padding=4)
    network = visae.Network.from_module(torch.nn.Sequential(conv, torch.nn.ReLU()), layers=["1"])
    units = visae.neurons(network, "1")
    assert units.layer.receptive_field == 9
    assert visae.curves(units, orientations=8, radii=2).response.shape == (5, 2, 8)


def test_rotating_a_kernel_rotates_its_tuning():
    """Symmetry: rotating the stimuli by 90 degrees and rotating the kernel by 90 degrees are the same."""
    kernels = torch.randn(6, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    responses = []
    for rotated in (kernels, kernels.rot90(-1, (2, 3))):
        conv = torch.nn.Conv2d(3, 6, 7, padding=3, bias=False)
        conv.weight.data.copy_(rotated)
        network = visae.Network.from_module(torch.nn.Sequential(conv, torch.nn.ReLU()), layers=["1"])
        responses.append(visae.curves(visae.neurons(network, "1"), orientations=24, radii=3).response)
    assert responses[0].amax() > 1
    torch.testing.assert_close(responses[1], responses[0].roll(6, 2), rtol=0, atol=1e-2 * float(responses[0].amax()))
