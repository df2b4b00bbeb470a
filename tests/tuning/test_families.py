"""Families on known truth: every planted detector is classified as what it is, and nothing else as anything."""

import pytest
from engineered import FAMILY_CASES, engineered_battery

import visae
from visae.metrics import match
from visae.tuning import DetectorCriteria, angular_distance, battery, families


def error(orientation, feature):
    return angular_distance(orientation, feature.orientation, 180 if feature.kind == "line" else 360).item()


def test_planted_detectors_are_classified(network, planted_batteries):
    classified = families(planted_batteries["truth"])
    expected = [feature.kind if feature.kind != "spot" else "" for feature in network.truth.features]
    assert classified.names == expected
    assert expected.count("curve") == 48
    for unit, feature in enumerate(network.truth.features):
        if feature.kind != "spot":
            assert error(classified.orientation[feature.kind][unit], feature) < 2, feature.name


@pytest.mark.parametrize("selectivity", [0.5, 0.7, 0.9, 0.95])
@pytest.mark.parametrize("echo", [0.01, 0.2, 0.4])
def test_planted_families_do_not_depend_on_thresholds(network, planted_batteries, selectivity, echo):
    classified = families(planted_batteries["truth"], DetectorCriteria(selectivity=selectivity, echo=echo))
    assert classified.names == [feature.kind.replace("spot", "") for feature in network.truth.features]


def test_neurons_that_mix_features_are_no_curve_detectors(planted_batteries):
    assert families(planted_batteries["mixed"]).members["curve"].sum() == 0


@pytest.mark.slow
def test_recovered_features_are_classified(recovered):
    """Nearly all features that a dictionary recovered are classified as the planted feature that they match."""
    _, network, _, sae = recovered
    classified = families(battery([visae.features(network, "mixed", sae)])[0])
    names, right, near = classified.names, [], []
    for planted, unit, cosine in zip(*match(network.truth.directions, sae.directions), strict=True):
        feature = network.truth.features[planted]
        if feature.kind == "spot" or cosine < 0.9:
            continue
        near.append(error(classified.orientation[feature.kind][unit], feature) < 2)
        right.append(names[unit] == feature.kind)
    assert len(right) >= 58
    assert sum(right) >= 0.95 * len(right)
    assert sum(near) >= 0.98 * len(near)


@pytest.mark.parametrize(("family", "stimuli"), FAMILY_CASES)
def test_engineered_units_are_classified(family, stimuli):
    assert families(engineered_battery(**stimuli)).names == [family, ""]
