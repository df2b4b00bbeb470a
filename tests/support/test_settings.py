from pathlib import Path

import pytest

from visae._support.errors import VisaeError
from visae._support.settings import expect_training, flat, refuse_other_settings, renamed_training_settings, typed

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


@pytest.mark.parametrize(("written", "wanted"), SAME)
def test_settings_are_equal_if_json_makes_them_equal(written, wanted):
    refuse_other_settings(FOLDER, written, wanted)


@pytest.mark.parametrize(("written", "wanted", "difference"), OTHER)
def test_other_settings_are_refused_with_exactly_what_differs(written, wanted, difference):
    with pytest.raises(VisaeError) as error:
        refuse_other_settings(FOLDER, written, wanted)
    assert f": {difference}; " in str(error.value)
    assert str(error.value).startswith("rows ")


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


@pytest.mark.parametrize(
    ("value", "default", "expected"), [(3, 8, 3), (5, 0.5, 5.0), (0.25, 1.0, 0.25), ("median", "mean", "median")]
)
def test_a_setting_has_the_type_of_its_default(value, default, expected):
    converted = typed("x", value, default)
    assert converted == expected
    assert type(converted) is type(default)


@pytest.mark.parametrize(
    ("value", "default", "wanted"),
    [
        (3.0, 8, "whole number"),
        (True, 8, "whole number"),
        ("3", 8, "whole number"),
        ("0.5", 1.0, "number"),
        (False, 1.0, "number"),
        (None, 1.0, "number"),
        (3, "mean", "word"),
    ],
)
def test_a_setting_of_another_type_is_refused(value, default, wanted):
    with pytest.raises(VisaeError, match=f"x is {value!r}; .* {wanted}"):
        typed("x", value, default)


def test_training_needs_a_length_a_batch_and_a_rate():
    expect_training("length", 1, 1, 1e-9)
    for settings in ((0, 1, 0.1), (1, 0, 0.1), (1, 1, 0.0), (1, 1, float("nan")), (1, 1, float("inf"))):
        with pytest.raises(VisaeError, match=f"length is {settings[0]}, batch {settings[1]}, lr {settings[2]:g}"):
            expect_training("length", *settings)


def test_settings_of_older_files_have_current_names():
    older = {"kind": "topk", "recipe": {"k": 2}, "training": {"rouse": 0.25, "lr": 1.0}}
    current = {"kind": "topk", "config": {"k": 2}, "training": {"revive": 0.25, "lr": 1.0}}
    assert renamed_training_settings(older) == current
    assert renamed_training_settings(current) == current
    assert renamed_training_settings({}) == {}
