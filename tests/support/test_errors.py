import pytest

from visae._support.errors import VisaeError, nearest, unknown

LAYERS = ["conv2d0", "conv2d1", "conv2d2", "mixed3a", "mixed3b", "mixed3b_5x5", "mixed4a", "mixed4b", "mixed4c"]

CASES = [
    ("mixed3b_5x", LAYERS, "no layer named 'mixed3b_5x'; the nearest are mixed3b_5x5, mixed3b, "),
    ("conv2", LAYERS, "no layer named 'conv2'; the nearest are conv2d2, conv2d1, conv2d0"),
    ("zzz", LAYERS, "no layer named 'zzz'; there are conv2d0, conv2d1, conv2d2, mixed3a, mixed3b, mixed3b_5x5, "),
    ("zzz", LAYERS, "mixed4a, mixed4b and 1 more"),
    ("zzz", LAYERS[:2], "no layer named 'zzz'; there are conv2d0, conv2d1"),
    ("zzz", (name for name in LAYERS), "and 1 more"),
]


@pytest.mark.parametrize(("name", "known", "message"), CASES)
def test_unknown_names_are_told_the_nearest_or_the_first(name, known, message):
    error = unknown("layer", name, known)
    assert isinstance(error, VisaeError)
    assert message in str(error)
    assert "\n" not in str(error)


def test_at_most_four_nearest_names_are_listed():
    error = unknown("layer", "mixed", LAYERS)
    assert str(error).count("mixed3") + str(error).count("mixed4") == 4


@pytest.mark.parametrize(("name", "message"), [("mixed3", "; the nearest are mixed3b, mixed3a, mixed4c"), ("zzz", "")])
def test_the_nearest_names_end_a_message(name, message):
    assert nearest(name, LAYERS) == message
