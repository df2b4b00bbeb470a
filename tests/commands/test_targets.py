"""Which units a command is about."""

import pytest

import visae
from visae._support.errors import VisaeError
from visae.commands.targets import numbers, open_units
from visae.units import neurons


@pytest.fixture(scope="module")
def units():
    return neurons(visae.network("planted", device="cpu"), "mixed")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", [3]),
        ("17, 3", [3, 17]),
        ("3,17,40:44", [3, 17, 40, 41, 42, 43]),
        ("5,4:7", [4, 5, 6]),
        ("47", [47]),
        ("46:48", [46, 47]),
        ("all", list(range(48))),
    ],
)
def test_numbers(units, text, expected):
    assert numbers(text, units) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("48", "--units has 48; mixed of planted has 48 neurons, from 0 to 47"),
        ("40:49", "from 0 to 47"),
        ("5:5", "--units has 5:5"),
        ("-1", "found '-1'"),
        ("three", "expected numbers, ranges or all"),
        ("1,,2", "found ''"),
        ("", "found ''"),
    ],
)
def test_numbers_that_are_none(units, text, words):
    with pytest.raises(VisaeError, match=words):
        numbers(text, units)


def test_neurons_of_a_layer_and_features_of_a_dictionary(recovered):
    out, network, _, sae = recovered
    assert len(open_units("planted:mixed", None, "cpu")) == 48
    found = open_units(str(out / "sae"), None, "cpu")
    assert len(found) == sae.width
    assert (found.kind, found.network.name, found.layer.name) == ("features", network.name, "mixed")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nowhere", "neither a dictionary nor NETWORK:LAYER"),
        ("planted:nolayer", "no layer of planted named 'nolayer'"),
        ("plantd:mixed", "plantd"),
    ],
)
def test_targets_that_are_none(target, words):
    with pytest.raises(VisaeError, match=words):
        open_units(target, None, "cpu")
