"""The units that a command is about."""

import pytest

import visae
from visae._support.errors import VisaeError
from visae.commands.units import UnitOptions, parse_ranges, select_units
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
        ("all", list(range(48))),
        ("47", [47]),
    ],
)
def test_numbers_and_ranges(units, text, expected):
    assert select_units(text, units) == expected


@pytest.mark.parametrize("text", ["", "a", "3-5", "-1", "3,,4", "1:2:3", "3.5"])
def test_malformed_ranges_are_quoted(text):
    with pytest.raises(VisaeError, match="--units"):
        parse_ranges(text)


@pytest.mark.parametrize("text", ["5:5", "7:3"])
def test_empty_ranges_are_refused(text):
    with pytest.raises(VisaeError, match=f"{text}, which is empty"):
        parse_ranges(text)


@pytest.mark.parametrize("text", ["48", "3,40:49"])
def test_units_that_do_not_exist_are_refused_with_the_count(units, text):
    with pytest.raises(VisaeError, match=r"--units has 48; mixed of planted has 48 neurons, from 0 to 47"):
        select_units(text, units)


def open_units(target):
    options = UnitOptions(target=target, device="cpu")
    options.check_target()
    return options.open_units()


@pytest.mark.slow
def test_targets_are_the_neurons_of_a_layer_or_the_features_of_a_dictionary(planted_run):
    units = open_units("planted:mixed")
    assert (len(units), units.kind) == (48, "neurons")
    units = open_units(str(planted_run / "run" / "dictionary"))
    assert (len(units), units.kind) == (64, "features")
    assert (units.network.name, units.layer.name) == ("planted", "mixed")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nowhere", "neither a dictionary nor NETWORK:LAYER"),
        ("planted:nolayer", "no layer of planted named 'nolayer'"),
        ("plantd:mixed", "plantd"),
    ],
)
def test_impossible_targets_are_refused(target, words):
    with pytest.raises(VisaeError, match=words):
        open_units(target)
