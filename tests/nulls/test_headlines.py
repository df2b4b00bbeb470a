import pytest

from visae.nulls import Headline, has_as_many, headlines, spread, spread_text

OWN = {"count": 80, "max_gap_deg": 24.0, "confirmed_in_gaps": 5, "explained_variance": 0.95}


def seeds(**figures):
    """Seeds of a null that matches nothing, but for the figures given."""
    weak = {
        "count": [3, 4, 5],
        "max_gap_deg": [90.0] * 3,
        "confirmed_in_gaps": [0] * 3,
        "explained_variance": [0.3] * 3,
    }
    return [dict(zip(weak, values, strict=True)) for values in zip(*(weak | figures).values(), strict=True)]


def test_the_interval_is_that_of_all_seeds():
    assert spread([177, 160, 190]) == {"mean": pytest.approx(175.667, abs=1e-3), "lowest": 160, "highest": 190}
    assert spread_text([177, 160, 190]) == "176 (160..190)"
    assert spread_text([0.5, 0.25], ".2f") == "0.38 (0.25..0.50)"
    assert spread_text([2, 2]) == "2"


@pytest.mark.parametrize("values", [[], [None], [1, None]])
def test_an_unknown_figure_has_no_interval(values):
    assert spread(values) is None
    assert spread_text(values) == ""


def test_weak_nulls_leave_headlines_alone():
    assert headlines(OWN, {"data rows": seeds(), "random directions": seeds()}) == []


MATCHED = [
    ({"count": [160, 177, 190]}, "176 (160..190) curve detectors, the dictionary 80; the count is no evidence"),
    ({"count": [1, 2, 80]}, "28 (1..80) curve detectors, the dictionary 80; the count is no evidence"),
    ({"max_gap_deg": [24.0, 40.0, 50.0]}, "largest gap 38 (24..50) degrees, the dictionary 24; the gap is no evidence"),
    (
        {"confirmed_in_gaps": [5, 6, 7]},
        "6 (5..7) confirmed detectors in the neurons' gaps, the dictionary 5; these are no evidence",
    ),
]


@pytest.mark.parametrize(("figures", "line"), MATCHED)
def test_a_headline_that_any_seed_of_a_null_matches_is_called_so(figures, line):
    assert headlines(OWN, {"data rows": seeds(), "random": seeds(**figures)}) == [f"random: {line}"]


def test_no_detectors_are_no_headline():
    none = OWN | {"count": 0, "max_gap_deg": 360.0, "confirmed_in_gaps": 0}
    assert headlines(none, {"random": seeds()}) == []


def test_figures_that_were_not_measured_are_left_out():
    assert headlines(OWN | {"confirmed_in_gaps": None}, {"random": seeds(confirmed_in_gaps=[9, 9, 9])}) == []
    assert headlines(OWN, {"random": seeds(confirmed_in_gaps=[None] * 3)}) == []


def test_a_null_that_explains_as_much_is_a_dictionary():
    early = seeds(count=[90, 91, 92], explained_variance=[0.946, 0.95, 0.951])
    (line,) = headlines(OWN, {"stopped early": early})
    assert line.startswith("stopped early: explains 0.949 (0.946..0.951), the dictionary 0.950; as good")
    worse = seeds(count=[90, 91, 92], explained_variance=[0.94, 0.95, 0.951])
    assert "the count is no evidence" in headlines(OWN, {"stopped early": worse})[0]


def test_other_figures_may_be_headlines():
    figures = {"recall": Headline("recall {}", "this is no evidence", has_as_many, ".1%")}
    own = OWN | {"recall": 0.8}
    nulls = {"random": [{"explained_variance": 0.1, "recall": value} for value in (0.5, 0.9)]}
    assert headlines(own, nulls, figures) == [
        "random: recall 70.0% (50.0%..90.0%), the dictionary 80.0%; this is no evidence"
    ]
    assert headlines(own | {"recall": 0.91}, nulls, figures) == []
