import pytest

from visae.commands.printing import bits_line, measured_on, metrics_table

METRICS = {
    "l0": 2.0,
    "explained_variance": 0.51234,
    "ev_over_neurons": -0.02,
    "bits": 31.25,
    "neurons_bits": 35.1,
    "helping_fraction": 0.9,
    "frequent_fraction": 0.75,
    "dead_fraction": 0.125,
    "stability": 0.5,
    "stability_by_chance": 0.3052,
    "matched_fraction": 1.0,
    "mean_f1": 0.25,
    "loss_recovered_zero": 0.97531,
    "kl_recovered_zero": -1.5,
}
HEADINGS = [
    "L0",
    "EV",
    "over neurons",
    "bits",
    "helping",
    "> 1/1000",
    "dead",
    "stability",
    "by chance",
    "matched",
    "F1",
]
HEADINGS += ["loss rec.", "KL rec."]
CELLS = ["2.00", "0.5123", "-0.0200", "31.2", "90.0%", "75.0%", "12.5%", "0.500", "0.305", "100.0%", "0.250"]
CELLS += ["0.9753", "-1.5000"]


def read_cells(text):
    """Return the rows of an aligned table, without the rule below its heading."""
    lines = text.split("\n")
    assert len({len(line) for line in lines}) == 1
    assert {tuple(i for i, letter in enumerate(line) if letter == "|") for line in lines} == {
        tuple(i for i, letter in enumerate(lines[0]) if letter == "|")
    }
    assert set(lines[1]) == set("| -")
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in (lines[0], *lines[2:])]


def test_every_printed_metric_has_a_column():
    assert read_cells(metrics_table({"one": {"kind": "topk", **METRICS}})) == [
        ["dictionary", *HEADINGS],
        ["one", *CELLS],
    ]


COLUMNS = [
    ([{}], []),
    ([{"bits": 0.5}], [["bits"], ["0.5"]]),
    ([{"bits": 0.5}, {"stability": 0.25}], [["bits", "stability"], ["0.5", ""], ["", "0.250"]]),
    ([{"bits": None}], [["bits"], [""]]),
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


def test_the_fewest_bits_and_those_of_the_neurons_are_named_where_they_were_measured():
    neurons = {"bits": 40.0, "neurons_bits": 35.12}
    start = "bits: a row, at an error of 5% of the variance; "
    assert bits_line({"a": {"bits": 30.0, "neurons_bits": 35.123}, "b": neurons, "c": {"bits": 1.0}}) == (
        start + "fewest: a, 30.0; neurons take 35.1\n"
    )
    assert bits_line({"": neurons}) == start + "neurons take 35.1\n"
    assert bits_line({"earlier": {"l0": 3.0}}) == ""


@pytest.mark.parametrize(
    ("held_out", "words"),
    [(0, "the training images (none were held out)"), (1, "1 held-out images"), (1234, "1,234 held-out images")],
)
def test_the_images_that_metrics_were_measured_on(held_out, words):
    assert measured_on(held_out) == words
