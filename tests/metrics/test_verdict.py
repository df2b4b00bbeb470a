import pytest

from visae.metrics import LEAST_HELPING, shortcomings, verdict

GOOD = {"l0": 3.96, "explained_variance": 0.981, "neurons_explained_variance": 0.949, "helping_fraction": 0.97}


def about(**changes):
    return {"converged": True, "rows_seen": 20_000, "metrics": GOOD | changes}


def test_a_good_dictionary_has_no_shortcomings():
    assert shortcomings(about()) == []
    assert verdict(about()) == (
        "no shortcoming: at L0 3.96 it explains 0.9810, the neurons 0.9490; 97.0% of its features help"
    )


WRONG = [
    (about() | {"converged": False}, "not converged after 20,000 rows"),
    (about() | {"stopped": "diverged at step 3"}, "diverged at step 3"),
    (about(explained_variance=0.94), "explains less than the neurons at its L0 of 3.96 (0.9400, they 0.9490)"),
    (about(helping_fraction=0.15), "85.0% of its features are leftovers, which do not help"),
    (about() | {"settings": {"kind": "pursuit"}}, "its directions were not learned"),
    (about() | {"settings": {"kind": "topk", "config": {"freeze": "decoder"}}}, "its decoder was frozen"),
]


@pytest.mark.parametrize(("given", "expected"), WRONG)
def test_each_shortcoming_is_told_with_its_figures(given, expected):
    assert shortcomings(given) == [expected]
    assert verdict(given) == f"not a good dictionary: {expected}"


def test_all_shortcomings_are_in_one_line():
    line = verdict(about(explained_variance=0.94, helping_fraction=0.15) | {"converged": False})
    assert all(part in line for part in ("not converged", "less than the neurons", "leftovers"))
    assert "\n" not in line


@pytest.mark.parametrize("settings", [{"kind": "mod"}, {"kind": "pursuit", "refined": {"kind": "topk"}}])
def test_pursued_features_are_not_praised_for_helping(settings):
    """They help by construction, in a bad dictionary too."""
    assert verdict(about() | {"settings": settings}) == (
        "no shortcoming: at L0 3.96 it explains 0.9810, the neurons 0.9490"
    )


def test_limits_themselves_are_no_shortcomings():
    assert shortcomings(about(helping_fraction=LEAST_HELPING)) == []
    assert shortcomings(about(explained_variance=0.949)) == []
    # What float32 leaves of a dictionary of all neurons.
    assert shortcomings(about(explained_variance=0.949 - 1e-7)) == []


@pytest.mark.parametrize("older", [{}, {"metrics": {"l0": 2.0, "explained_variance": None}}])
def test_older_files_are_not_judged_on_what_they_do_not_tell(older):
    assert shortcomings(older) == []
    assert "does not say" in verdict(older)
