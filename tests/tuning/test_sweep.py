from dataclasses import replace

import pytest
import torch

import visae
from visae.networks import CAFFE, TENSORFLOW, InceptionV1, Layer
from visae.networks.planted import PlantedNetwork
from visae.tuning import sweep
from visae.tuning._axes import default_radii
from visae.tuning._views import viewing, views
from visae.tuning.stimuli import stimulus
from visae.units import Units


@pytest.fixture(scope="module", params=["stroke", "filled"])
def planted_curves(request):
    network = visae.network("planted", device="cpu")
    return visae.curves(visae.neurons(network, "truth"), stimulus=request.param)


def test_every_planted_curve_orientation_is_recovered_to_within_5_degrees(planted_curves):
    planted = [feature for feature in PlantedNetwork().features if feature.kind == "curve"]
    true = torch.tensor([feature.orientation for feature in planted])
    found = planted_curves.preferred[: len(planted)]
    apart = (found - true + 180).remainder(360) - 180
    assert len(planted) == 48
    assert apart.abs().max() < 5


def test_the_planted_curves_and_nothing_else_count_as_detectors():
    found = visae.curves(visae.neurons(visae.network("planted", device="cpu"), "truth"))
    expected = torch.tensor([feature.kind == "curve" for feature in PlantedNetwork().features])
    assert torch.equal(found.detectors, expected)
    assert found.max_gap == pytest.approx(15, abs=3)


def test_planted_radius_is_the_radius_of_the_largest_response():
    network = visae.network("planted", device="cpu")
    found = visae.curves(visae.neurons(network, "truth"), radii=torch.tensor([5.0, 10.0, 22.0, 50.0]))
    best = found.response[:48].amax(2).argmax(1)
    assert best.tolist() == [1] * 24 + [2] * 24


def test_response_is_that_of_the_network_to_each_stimulus():
    network = visae.network("planted", device="cpu")
    units = visae.neurons(network, "mixed")
    found = visae.curves(units, orientations=8, radii=torch.tensor([10.0, 22.0]), batch=3)
    size, position, centre = viewing(units.layer)
    for r, radius in enumerate(found.radii):
        for o, orientation in enumerate(found.orientations):
            given = {"orientation": orientation[None], "radius": radius[None]}
            image = stimulus("circle").images(given, size, centre)
            alone = units.maps(image)[0, :, position, position]
            assert torch.allclose(found.response[:, r, o], alone, atol=1e-5)


def test_axes_and_shapes():
    units = visae.neurons(visae.network("planted", device="cpu"), "mixed")
    found = visae.curves(units, orientations=12, radii=3)
    assert found.response.shape == (48, 3, 12)
    assert found.orientations.tolist() == [30.0 * i for i in range(12)]
    ratios = found.radii[1:] / found.radii[:-1]
    assert ratios[0].item() == pytest.approx(ratios[1].item(), rel=1e-4)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"stimulus": "dotted"}, "dotted"), ({"orientations": 4}, "4 orientations"), ({"radii": 0}, "0 radii")],
)
def test_what_cannot_be_swept_is_refused(options, words):
    units = visae.neurons(visae.network("planted", device="cpu"), "mixed")
    with pytest.raises(visae.VisaeError, match=words):
        visae.curves(units, **options)


@pytest.mark.parametrize("flavour", [CAFFE, TENSORFLOW])
@pytest.mark.parametrize("name", ["conv2d0", "conv2d2", "mixed3a", "mixed3b_5x5"])
def test_the_image_shows_all_that_the_position_sees(flavour, name):
    """A larger image must not change the response: what is cut off was never seen."""
    network = InceptionV1(flavour)
    layer = network.layers[name]
    size, position, centre = viewing(layer)
    larger = size + 64
    shift = 32 // layer.stride
    given = {"orientation": torch.tensor([200.0]), "radius": torch.tensor([layer.receptive_field / 2])}
    circle = stimulus("circle")
    small = network.read(circle.images(given, size, centre), [name])[name][0, :, position, position]
    at = position + shift
    large = network.read(circle.images(given, larger, centre + 32), [name])[name][0, :, at, at]
    assert torch.allclose(small, large, atol=1e-3 * float(large.abs().max()))


def test_a_layer_that_sees_more_than_the_largest_image_is_still_shown_one():
    layer = Layer("deep", 4, 32, 700, 30.0)
    size, position, centre = viewing(layer)
    assert size == 224
    assert abs(centre - 112) <= 16
    assert 0 <= position < 7
    assert default_radii(layer, 16)[-1] == pytest.approx(2.94 * 224, rel=1e-3)


def test_units_of_a_module_are_swept():
    conv = torch.nn.Conv2d(3, 5, 9, stride=4, padding=4)
    network = visae.Network.from_module(torch.nn.Sequential(conv, torch.nn.ReLU()), layers=["1"])
    units = visae.neurons(network, "1")
    assert isinstance(units, Units)
    assert units.layer.receptive_field == 9
    assert visae.curves(units, orientations=8, radii=2).response.shape == (5, 2, 8)


@pytest.fixture(scope="module")
def planted():
    return visae.network("planted", device="cpu")


def test_each_response_is_to_the_stimulus_with_its_parameters(planted):
    units = visae.neurons(planted, "mixed")
    axes = {"opening": torch.tensor([60.0, 120.0]), "orientation": torch.tensor([0.0, 90.0, 200.0])}
    found = sweep([units], "angle", axes, {"width": 3.0, "contrast": 1.0}, batch=4)[0]
    assert found.values.shape == (48, 2, 3)
    assert found.fixed == {"width": 3.0, "contrast": 1.0}
    size, position, centre = viewing(units.layer)
    for o, opening in enumerate(axes["opening"]):
        for t, turn in enumerate(axes["orientation"]):
            given = {"opening": opening, "orientation": turn, "width": torch.tensor(3.0), "contrast": torch.tensor(1.0)}
            images = stimulus("angle").images({name: value[None] for name, value in given.items()}, size, centre)
            alone = units.maps(images)[0, :, position, position]
            torch.testing.assert_close(found.values[:, o, t], alone, rtol=0, atol=1e-5)


def test_several_layers_in_one_pass_are_as_one_by_one(monkeypatch):
    """Neurons of three layers of InceptionV1, and features: as many forward passes as for one."""
    weights = InceptionV1(CAFFE)
    network = visae.Network("made", weights, "0" * 64)
    sae = visae.TopK(width=7, k=2).build(96, torch.Generator().manual_seed(0))
    populations = [visae.neurons(network, name) for name in ("conv2d0", "conv2d2", "mixed3b_5x5")]
    populations.append(visae.features(network, "mixed3b_5x5", sae))
    axes = {"orientation": torch.tensor([0.0, 45.0, 90.0, 135.0])}
    passes = []
    monkeypatch.setattr(
        weights, "read", lambda images, names, of=weights.read: passes.append(len(images)) or of(images, names)
    )
    together = sweep(populations, "line", axes)
    assert passes == [4]
    at = views(populations)[0]
    for index, (units, found) in enumerate(zip(populations, together, strict=True)):
        images = stimulus("line").images(axes, at.size, at.centre)
        row = at.positions[index]
        expected = units.maps(images).detach()[:, :, row, row].T
        torch.testing.assert_close(found.values, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))
        assert units.layer.centre(row) == at.centre
        assert (found.kind, found.layer) == (units.kind, units.layer.name)


def test_layers_without_a_common_centre_are_looked_at_one_after_the_other():
    network = visae.network("planted", device="cpu")
    near, far = visae.neurons(network, "mixed"), visae.neurons(network, "truth")
    beside = replace(far, layer=replace(far.layer, offset=1.0))
    found = views([near, far, beside])
    assert [sorted(view.positions) for view in found] == [[0, 1], [2]]
    assert found[1].centre == beside.layer.centre(found[1].positions[2])


def test_the_kernel_of_a_first_layer_unit_turned_is_its_tuning_turned():
    """Symmetry: stimuli turned by 90 degrees and a kernel turned by 90 degrees are the same thing."""
    kernels = torch.randn(6, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    found = []
    for turned in (kernels, kernels.rot90(-1, (2, 3))):
        conv = torch.nn.Conv2d(3, 6, 7, padding=3, bias=False)
        conv.weight.data.copy_(turned)
        network = visae.Network.from_module(torch.nn.Sequential(conv, torch.nn.ReLU()), layers=["1"])
        found.append(visae.curves(visae.neurons(network, "1"), orientations=72, radii=3).response)
    assert found[0].amax() > 1
    torch.testing.assert_close(found[1], found[0].roll(18, 2), rtol=0, atol=1e-2 * float(found[0].amax()))


@pytest.mark.parametrize(
    ("kind", "axes", "fixed", "words"),
    [
        ("circel", None, None, "no stimulus named 'circel'; the nearest are circle"),
        ("circle", {"radius": torch.tensor([0.0])}, None, "radius is 0; it must be above 0 px"),
        ("circle", {"radius": torch.tensor([])}, None, "radius is varied over no values"),
        ("circle", {"radius": torch.tensor([5.0])}, {"radius": 5.0}, "radius is fixed and varied"),
        ("line", {"radius": torch.tensor([5.0])}, None, "no parameter of line named 'radius'"),
        ("line", None, {"width": -1.0}, "width is -1; it must be above 0 px"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused(planted, kind, axes, fixed, words):
    with pytest.raises(visae.VisaeError, match=words):
        sweep([visae.neurons(planted, "mixed")], kind, axes, fixed)


def test_units_of_two_networks_are_refused(planted):
    other = visae.network("planted", device="cpu")
    for populations in ([], [visae.neurons(planted, "mixed"), visae.neurons(other, "mixed")]):
        with pytest.raises(visae.VisaeError, match="units of one network"):
            sweep(populations, "line")
