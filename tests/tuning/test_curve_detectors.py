"""The definition of a curve detector, on engineered, planted and real units."""

import pytest
import torch
from engineered import FAMILY_CASES, engineered_battery

import visae
from visae._support.errors import VisaeError
from visae.metrics import match
from visae.tuning import Curves, DetectorCriteria, curves, families, is_curve_detector, is_responsive


@pytest.mark.parametrize("name", ["selectivity", "echo", "double_echo", "response", "corner"])
def test_thresholds_are_fractions(name):
    with pytest.raises(VisaeError, match=f"{name} is 1.5; it must be from 0 to 1"):
        DetectorCriteria(**{name: 1.5})


@pytest.mark.parametrize(("family", "stimuli"), FAMILY_CASES)
def test_curves_and_families_agree(family, stimuli):
    battery = engineered_battery(**stimuli)
    assert Curves.from_battery(battery).detectors.tolist() == [family == "curve", False]
    assert families(battery).members["curve"].tolist() == [family == "curve", False]


@pytest.mark.parametrize(
    ("criterion", "value", "stimuli"),
    [
        ("selectivity", 0.97, {"circle": (1.0, 15, 0.0)}),
        ("echo", 0.02, {"circle": (1.0, 10, 0.04)}),
        ("response", 0.4, {"circle": (0.3, 15, 0.0)}),
        ("corner", 0.0, {"circle": (0.8, 15, 0.0), "angle": (0.9, 10, 0.0)}),
    ],
)
def test_every_criterion_decides(criterion, value, stimuli):
    battery = engineered_battery(**stimuli)
    rivals = {name: battery.tuning[name].peak for name in ("line", "edge", "angle")}
    for criteria, expected in ((DetectorCriteria(), True), (DetectorCriteria(**{criterion: value}), False)):
        assert is_curve_detector(battery.tuning["circle"], rivals, criteria)[0] == expected


def test_silent_layers_have_no_responsive_units():
    battery = engineered_battery()
    silent = {name: 0 * responses.values for name, responses in battery.responses.items()}
    for name, values in silent.items():
        object.__setattr__(battery.responses[name], "values", values)
    assert not is_responsive(battery.tuning["circle"]).any()
    assert not Curves.from_battery(battery).detectors.any()


@pytest.mark.slow
def test_planted_curves_are_the_detectors(network, planted_batteries):
    expected = [feature.kind == "curve" for feature in network.truth.features]
    swept = curves(visae.neurons(network, "truth"), radii=8)
    battery = planted_batteries["truth"]
    for detectors in (swept.detectors, Curves.from_battery(battery).detectors, families(battery).members["curve"]):
        assert detectors.tolist() == expected
    assert swept.count == 48
    assert swept.max_gap == pytest.approx(15, abs=0.5)


@pytest.mark.slow
def test_recovered_curves_are_the_detectors(recovered):
    """Precision 1 and a recall of at least 0.9, for the planted curves that the dictionary recovered."""
    _, network, _, sae = recovered
    planted, units, cosines = match(network.truth.directions, sae.directions)
    is_curve = torch.zeros(sae.width, dtype=torch.bool)
    for feature, unit, cosine in zip(planted.tolist(), units.tolist(), cosines.tolist(), strict=True):
        is_curve[unit] = cosine >= 0.9 and network.truth.features[feature].kind == "curve"
    detectors = curves(visae.features(network, "mixed", sae)).detectors
    assert is_curve.sum() >= 40
    assert (detectors & is_curve).sum() >= 0.9 * is_curve.sum()
    assert (detectors[units[cosines >= 0.9]] <= is_curve[units[cosines >= 0.9]]).all()


@pytest.mark.slow
def test_units_that_prefer_corners_or_edges_are_no_curve_detectors(data):
    """Neurons 14 and 67 of conv2d2 are as sharply tuned to circles as its 14 curve detectors."""
    units = visae.neurons(visae.network("inceptionv1-caffe", data / "weights", "cpu"), "conv2d2")
    swept = curves(units)
    assert swept.count == 14
    for unit, rival in ((14, "angle"), (67, "edge")):
        assert swept.selectivity[unit] >= 0.85
        assert swept.echo[unit] <= 0.05
        assert swept.rival_peaks[rival][unit] > swept.response[unit].max()
        assert not swept.detectors[unit]
