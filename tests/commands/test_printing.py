import pytest

from visae.commands.printing import measured_on, metrics_table

METRICS = {
    "l0": 2.0,
    "explained_variance": 0.51234,
    "normalised_mse": 0.4,
    "cosine": 0.99999,
    "gamma": 0.8,
    "dead_fraction": 0.125,
    "stability": 0.5,
    "matched_fraction": 1.0,
    "mean_f1": 0.25,
    "loss_recovered_zero": 0.97531,
    "kl_recovered_zero": -1.5,
}
HEADINGS = ["L0", "EV", "NMSE", "cosine", "gamma", "dead", "stability", "matched", "F1", "loss rec.", "KL rec."]
CELLS = ["2.00", "0.5123", "0.4000", "1.0000", "0.800", "12.5%", "0.500", "100.0%", "0.250", "0.9753", "-1.5000"]


def read_cells(text):
    """Return the rows of an aligned table, without the rule below its heading."""
    lines = text.split("\n")
    assert len({len(line) for line in lines}) == 1
    assert {tuple(i for i, letter in enumerate(line) if letter == "|") for line in lines} == {
        tuple(i for i, letter in enumerate(lines[0]) if letter == "|")
    }
    assert set(lines[1]) == set("| -")
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in (lines[0], *lines[2:])]


def test_every_metric_has_a_column():
    assert read_cells(metrics_table({"one": {"kind": "topk", **METRICS}})) == [
        ["dictionary", *HEADINGS],
        ["one", *CELLS],
    ]


COLUMNS = [
    ([{}], []),
    ([{"gamma": 0.5}], [["gamma"], ["0.500"]]),
    ([{"gamma": 0.5}, {"stability": 0.25}], [["gamma", "stability"], ["0.500", ""], ["", "0.250"]]),
    ([{"gamma": None}], [["gamma"], [""]]),
    ([{"images": 3, "config": {"k": 3}}], []),
]


@pytest.mark.parametrize(("metrics", "expected"), COLUMNS)
def test_only_metrics_that_a_dictionary_has_are_columns(metrics, expected):
    evaluated = {str(i): {"kind": "topk", "l0": float(i), **each} for i, each in enumerate(metrics)}
    rows = read_cells(metrics_table(evaluated))
    assert [row[0] for row in rows] == ["dictionary", *evaluated]
    assert [row[2:] for row in rows] == (expected or [[] for _ in rows])


def test_rows_are_sorted_by_kind_and_l0():
    kinds = {"d": ("topk", 8.0), "a": ("topk", 2.0), "c": ("relu", 5.5), "b": ("gated", 90.0)}
    rows = read_cells(metrics_table({name: {"kind": kind, "l0": l0} for name, (kind, l0) in kinds.items()}))
    assert rows[1:] == [["b", "90.00"], ["c", "5.50"], ["a", "2.00"], ["d", "8.00"]]


def test_a_dictionary_without_a_name_has_its_kind_and_a_stopped_one_is_marked():
    stopped = {"kind": "relu", "l0": 1.0, "stopped": "diverged at step 3"}
    rows = read_cells(metrics_table({"": {"kind": "topk", "l0": 2.0}, "wild": stopped}))
    assert [row[0] for row in rows[1:]] == ["wild (stopped)", "topk"]


@pytest.mark.parametrize(
    ("held_out", "words"),
    [(0, "the training images (none were held out)"), (1, "1 held-out images"), (1234, "1,234 held-out images")],
)
def test_the_images_that_metrics_were_measured_on(held_out, words):
    assert measured_on(held_out) == words
