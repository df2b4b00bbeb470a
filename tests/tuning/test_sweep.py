import pytest
import torch

import visae
from visae.networks import CAFFE, InceptionV1
from visae.tuning import sweep
from visae.tuning._sweep import angles, default_axes
from visae.tuning._views import viewing, views
from visae.tuning.stimuli import STIMULI, stimulus


@pytest.fixture(scope="module")
def small_units():
    """A first layer whose sweep takes images of 32 px."""
    conv = torch.nn.Conv2d(3, 2, 5, stride=4, padding=2)
    network = visae.Network.from_module(torch.nn.Sequential(conv, torch.nn.ReLU()), layers=["1"], size=32)
    return visae.neurons(network, "1")


@pytest.mark.parametrize("kind", STIMULI)
def test_every_kind_is_swept_on_its_defaults(small_units, kind):
    responses = sweep([small_units], kind)[0]
    expected = default_axes(stimulus(kind), small_units.layer)
    assert list(responses.axes) == list(expected)
    assert list(responses.axes)[-1] == "orientation"
    assert responses.values.shape == (2, *map(len, expected.values()))
    assert responses.values.isfinite().all()


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("circle", ["radius"]),
        ("line", ["width"]),
        ("angle", ["opening", "width"]),
        ("edge", []),
        ("gabor", ["wavelength", "phase"]),
        ("colour_edge", ["hue"]),
        ("frequency_boundary", ["wavelength"]),
    ],
)
def test_default_axes_are_those_of_the_kind(small_units, kind, names):
    axes = default_axes(stimulus(kind), small_units.layer, orientations=12, radii=3)
    assert list(axes) == [*names, "orientation"]
    assert axes["orientation"].tolist() == angles(12, stimulus(kind).period).tolist()
    if kind == "circle":
        assert axes["radius"].tolist() == pytest.approx([0.12 * 5, (0.12 * 2.94) ** 0.5 * 5, 2.94 * 5])


def test_a_default_sweep_keeps_what_is_fixed(small_units):
    responses = sweep([small_units], "angle", fixed={"opening": 60.0})[0]
    assert list(responses.axes) == ["width", "orientation"]


def test_each_response_is_to_the_stimulus_with_its_parameters(network):
    units = visae.neurons(network, "mixed")
    axes = {"opening": torch.tensor([60.0, 120.0]), "orientation": torch.tensor([0.0, 90.0, 200.0])}
    responses = sweep([units], "angle", axes, {"width": 3.0, "contrast": 1.0}, batch=4)[0]
    assert responses.values.shape == (48, 2, 3)
    assert responses.fixed == {"width": 3.0, "contrast": 1.0}
    size, position, centre = viewing(units.layer)
    for o, opening in enumerate(axes["opening"]):
        for t, turn in enumerate(axes["orientation"]):
            values = {
                "opening": opening,
                "orientation": turn,
                "width": torch.tensor(3.0),
                "contrast": torch.tensor(1.0),
            }
            images = stimulus("angle").images({name: value[None] for name, value in values.items()}, size, centre)
            alone = units.maps(images)[0, :, position, position]
            torch.testing.assert_close(responses.values[:, o, t], alone, rtol=0, atol=1e-5)


def test_several_layers_share_forward_passes(monkeypatch):
    """Neurons of three layers of InceptionV1, and features: as many forward passes as for one."""
    weights = InceptionV1(CAFFE)
    network = visae.Network("inception", weights, "0" * 64)
    sae = visae.TopK(width=7, k=2).build(96, torch.Generator().manual_seed(0))
    populations = [visae.neurons(network, name) for name in ("conv2d0", "conv2d2", "mixed3b_5x5")]
    populations.append(visae.features(network, "mixed3b_5x5", sae))
    axes = {"orientation": torch.tensor([0.0, 45.0, 90.0, 135.0])}
    passes, read = [], weights.read
    monkeypatch.setattr(weights, "read", lambda images, names: passes.append(len(images)) or read(images, names))
    together = sweep(populations, "line", axes)
    assert passes == [4]
    view = views(populations)[0]
    for index, (units, responses) in enumerate(zip(populations, together, strict=True)):
        images = stimulus("line").images(axes, view.size, view.centre)
        row = view.positions[index]
        expected = units.maps(images).detach()[:, :, row, row].T
        torch.testing.assert_close(responses.values, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))
        assert units.layer.centre(row) == view.centre
        assert (responses.kind, responses.layer) == (units.kind, units.layer.name)


@pytest.mark.parametrize(
    ("kind", "axes", "fixed", "words"),
    [
        ("circel", None, None, "no stimulus named 'circel'; the nearest are circle"),
        ("circle", {"radius": torch.tensor([0.0])}, None, "radius is 0; it must be above 0 px"),
        ("circle", {"radius": torch.tensor([])}, None, "radius is varied over no values"),
        ("circle", {"radius": torch.tensor([5.0])}, {"radius": 5.0}, "radius is both fixed and varied"),
        ("line", {"radius": torch.tensor([5.0])}, None, "no parameter of line named 'radius'"),
        ("line", None, {"width": -1.0}, "width is -1; it must be above 0 px"),
        ("frequency_boundary", None, {"ratio": 6.0}, "finer wavelength is 1.5 px; .* at least 2 px"),
    ],
)
def test_impossible_sweeps_are_refused_before_anything_is_read(network, monkeypatch, kind, axes, fixed, words):
    monkeypatch.setattr(visae.Network, "read_at", None)
    with pytest.raises(visae.VisaeError, match=words):
        sweep([visae.neurons(network, "mixed")], kind, axes, fixed)


def test_units_of_two_networks_are_refused(network, small_units):
    for populations in ([], [visae.neurons(network, "mixed"), small_units]):
        with pytest.raises(visae.VisaeError, match="one network"):
            sweep(populations, "line")
