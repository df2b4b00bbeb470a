"""Proof on known truth: every planted detector is classified as what it is, and nothing else as anything."""

import pytest
from batteries import made

import visae
from visae._support.errors import VisaeError
from visae.metrics import match
from visae.tuning import Criteria, battery, families


@pytest.fixture(scope="module")
def network():
    return visae.network("planted", device="cpu")


@pytest.fixture(scope="module")
def planted(network):
    return battery([visae.neurons(network, "truth")])[0]


def apart(one, other, period):
    return abs((one - other + period / 2) % period - period / 2)


def test_every_planted_detector_is_what_it_is(network, planted):
    found = families(planted)
    expected = [feature.kind if feature.kind != "spot" else "" for feature in network.truth.features]
    assert found.names == expected
    assert expected.count("curve") == 48
    for index, feature in enumerate(network.truth.features):
        if feature.kind != "spot":
            period = 180 if feature.kind == "line" else 360
            assert apart(found.orientation[feature.kind][index].item(), feature.orientation, period) < 2, feature.name


@pytest.mark.parametrize("selectivity", [0.5, 0.7, 0.9, 0.95])
@pytest.mark.parametrize("echo", [0.01, 0.2, 0.4])
def test_no_threshold_makes_the_difference(network, planted, selectivity, echo):
    found = families(planted, Criteria(selectivity=selectivity, echo=echo))
    assert found.names == [feature.kind.replace("spot", "") for feature in network.truth.features]


def test_neurons_that_mix_them_are_no_curve_detectors(network):
    """Of the 48 neurons, each of which a handful of features write to."""
    assert families(battery([visae.neurons(network, "mixed")])[0]).members["curve"].sum() == 0


def test_what_an_sae_unmixes_is_classified_through_the_neurons(recovered):
    """Of what a dictionary recovered, nearly all is what it was: few features answer to what they do not stand for."""
    _, network, _, sae = recovered
    found = families(battery([visae.features(network, "mixed", sae)])[0])
    names, right, near = found.names, [], []
    for planted, unit, cosine in zip(*match(network.truth.directions, sae.directions), strict=True):
        feature = network.truth.features[planted]
        if feature.kind == "spot" or cosine < 0.9:
            continue
        period = 180 if feature.kind == "line" else 360
        near.append(apart(found.orientation[feature.kind][unit].item(), feature.orientation, period) < 2)
        right.append(names[unit] == feature.kind)
    assert len(right) >= 58
    assert sum(right) >= 0.95 * len(right)
    assert sum(near) >= 0.98 * len(near)


CASES = [
    ("curve", {"circle": (1.0, 15, 0.0), "line": (0.5, 10, 0), "edge": (0.4, 10, 0), "angle": (0.9, 10, 0)}),
    ("double_curve", {"circle": (1.0, 15, 0.8), "line": (0.5, 10, 0)}),
    ("", {"circle": (1.0, 15, 0.3), "line": (0.5, 10, 0)}),
    ("", {"circle": (1.0, 80, 0.0), "line": (0.5, 10, 0)}),
    ("angle", {"circle": (0.7, 15, 0.0), "line": (0.5, 10, 0), "angle": (0.9, 10, 0)}),
    ("line", {"circle": (0.7, 15, 0.9), "line": (0.9, 10, 0), "edge": (0.5, 10, 0), "angle": (0.8, 10, 0)}),
    ("edge", {"circle": (0.2, 15, 0.9), "line": (0.5, 10, 0), "edge": (0.9, 10, 0)}),
    ("edge", {"line": (0.5, 10, 0), "edge": (0.9, 10, 1.0)}),
    ("", {"line": (0.5, 60, 0), "edge": (0.05, 10, 0)}),
    ("", {"circle": (0.05, 15, 0.0)}),
    ("", {}),
]


@pytest.mark.parametrize(("family", "stimuli"), CASES)
def test_made_units_are_of_the_family_that_the_criteria_say(family, stimuli):
    assert families(made(**stimuli)).names == [family, ""]


@pytest.mark.parametrize("name", ["selectivity", "echo", "both", "peak", "corner"])
def test_thresholds_are_shares(name):
    with pytest.raises(VisaeError, match=f"{name} is 1.5; it must be from 0 to 1"):
        Criteria(**{name: 1.5})
