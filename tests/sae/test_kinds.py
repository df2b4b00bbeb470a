import pytest

from visae.errors import VisaeError
from visae.sae import Recipe, ReLU, TopK, recipe

GOOD = [
    ("topk", {}, TopK()),
    ("relu", {}, ReLU()),
    ("topk", {"k": 3, "width": 9}, TopK(width=9, k=3)),
    ("topk", {"aux_weight": 1}, TopK(aux_weight=1.0)),
    ("relu", {"l1": 3}, ReLU(l1=3.0)),
]

BAD = [
    ("tpok", {}, "no kind of SAE named 'tpok'; the nearest are topk"),
    ("relu", {"k": 3}, "a relu SAE has no setting k; its settings are width, l1"),
    ("topk", {"l1": 3.0, "k": 3, "colour": "red"}, "a topk SAE has no setting l1, colour; its settings are width, k, "),
    ("topk", {"k": "3"}, "k is '3'; it must be a whole number"),
    ("topk", {"k": 3.0}, "k is 3.0; it must be a whole number"),
    ("topk", {"k": True}, "k is True; it must be a whole number"),
    ("relu", {"l1": None}, "l1 is None; it must be a number"),
    ("relu", {"l1": "5"}, "l1 is '5'; it must be a number"),
    ("topk", {"k": 0}, "k must be between 1 and the width"),
]


@pytest.mark.parametrize(("kind", "settings", "expected"), GOOD)
def test_a_recipe_by_name(kind, settings, expected):
    found = recipe(kind, settings)
    assert found == expected
    assert isinstance(found, Recipe)
    assert found.kind == kind
    assert all(type(getattr(found, name)) is type(getattr(expected, name)) for name in settings)


@pytest.mark.parametrize(("kind", "settings", "message"), BAD)
def test_what_does_not_exist_is_refused(kind, settings, message):
    with pytest.raises(VisaeError, match=message):
        recipe(kind, settings)
