from pathlib import Path

import pytest

from visae._support.errors import VisaeError
from visae._support.settings import flat, refuse_other_settings

FOLDER = Path("rows")

SAME = [
    ({}, {}),
    ({"a": 1, "b": {"c": [1, 2]}}, {"b": {"c": [1, 2]}, "a": 1}),
    ({"map": [14, 14]}, {"map": (14, 14)}),
    ({"a": {"list": [[1, 2], [3]]}}, {"a": {"list": ((1, 2), (3,))}}),
    ({"lr": 1.0}, {"lr": 1}),
    ({"share": 0.1, "none": None}, {"share": 0.1, "none": None}),
    ({"share": 1 / 3}, {"share": 1 / 3}),
]

OTHER = [
    ({"seed": 0}, {"seed": 1}, "seed was 0 and is now 1"),
    ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, "a.b.c was 1 and is now 2"),
    ({"map": [14, 14]}, {"map": (14, 28)}, "map was [14, 14] and is now [14, 28]"),
    ({"old": 1}, {}, "old was 1 and is now not set"),
    ({}, {"new": None}, "new was not set and is now None"),
    ({"a": {"b": 1}}, {"a": 1}, "a was not set and is now 1; a.b was 1 and is now not set"),
    ({"z": 1, "a": "x", "same": 0}, {"z": 2, "a": "y", "same": 0}, "a was 'x' and is now 'y'; z was 1 and is now 2"),
]


@pytest.mark.parametrize(("found", "wanted"), SAME)
def test_same_settings_whatever_json_made_of_them(found, wanted):
    refuse_other_settings(FOLDER, found, wanted)


@pytest.mark.parametrize(("found", "wanted", "difference"), OTHER)
def test_other_settings_are_refused_with_what_differs_and_no_more(found, wanted, difference):
    with pytest.raises(VisaeError) as error:
        refuse_other_settings(FOLDER, found, wanted)
    assert str(error.value) == f"rows was made with other settings: {difference}; use a new folder"


FLAT = [
    ({}, {}),
    ({"a": 1, "b": [1, {"c": 2}]}, {"a": 1, "b": [1, {"c": 2}]}),
    ({"a": {"b": {"c": 1}, "d": None}, "e": 2}, {"a.b.c": 1, "a.d": None, "e": 2}),
    ({"a": {}}, {}),
    ({"": {"k": 1}}, {".k": 1}),
]


@pytest.mark.parametrize(("nested", "expected"), FLAT)
def test_nested_settings_have_dotted_keys(nested, expected):
    assert flat(nested) == expected
