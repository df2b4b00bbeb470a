"""The tables of the page."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from visae.nulls import spread_text
from visae.papers.missing_curves._dictionaries import LEARNED
from visae.papers.missing_curves._gaps import counted_first
from visae.papers.report import Columns, table

_Row = Mapping[str, Any]

_OWN = ("neurons", *LEARNED)  # in the summary
LISTED = 12  # features in gaps
_HARMONICS = 4
_FAMILIES = {"lines": "line", "edges": "edge", "angles": "angle", "double": "double_curve"}
_UNKNOWN = "unknown"

# The ten curve neurons of inception5h's mixed3b, from the data published with "Curve Detectors": medians, except that
# the harmonics are shares of all ten together, and the last is the median over pairs of nine neurons.
_PUBLISHED_LAYERS = ("mixed3b", "mixed3b_5x5")
_PUBLISHED = {
    **{"name": "paper's ten neurons", "selectivity": 0.91, "width": 50, "echo": 0.01, "radius": None},
    **{"line_or_curve": None, "polarity": None, "harmonics": [0.48, 0.29, 0.13, 0.05]},
    **{"natural_width": None, "disagreement": 9},
}


def _defined(key: str, form: str) -> Callable[[_Row], str]:
    """A column with a metric; empty where undefined, such as the polarity of units that respond to no edge."""
    return lambda row: "" if row[key] is None else form.format(row[key])


_TUNING: Columns = {
    "population": "{name}",
    "selectivity": _defined("selectivity", "{:.2f}"),
    "width": _defined("width", "{:.0f}°"),
    "echo": _defined("echo", "{:.2f}"),
    "radius": _defined("radius", "{:.0f} px"),
    "line or curve": _defined("line_or_curve", "{:+.2f}"),
    "polarity": _defined("polarity", "{:.2f}"),
    "harmonics": lambda row: " ".join(f"{100 * share:.0f}" for share in row["harmonics"][:_HARMONICS]),
    "natural width": _defined("natural_width", "{:.0f}°"),
    "angles differ by": _defined("disagreement", "{:.0f}°"),
}
_GAPS: Columns = {
    "feature": lambda row: f"**{row['feature']}**" if row["counted"] else str(row["feature"]),
    "orientation": "{orientation:.0f}°",
    "nearest curve neuron": "{nearest_curve_neuron:.0f}° away",
    "selectivity": "{selectivity:.2f}",
    "helps": lambda row: "yes" if row["helps"] else "no",
    "found again": lambda row: _answer(row["found_again"]),
    "in photographs": lambda row: _natural(row) if row["asked"] else "not asked",
    "counted": lambda row: _answer(row["counted"]),
    "largest neurons": lambda row: ", ".join(f"{n} ({weight:+.2f})" for n, weight in row["neurons"].items()),
    "largest cosine": "{cosine_to_nearest_neuron:.2f}",
}


def detectors_summary(layers: Sequence[_Row]) -> str:
    """A row a layer: curve detectors and their largest gap, of neurons, learned dictionaries and nulls."""
    return _summary(layers, _OWN, lambda seeds: f"{_over(seeds, 'curve_units')}, {_over(seeds, 'largest_gap')}°")


def counted_summary(layers: Sequence[_Row]) -> str:
    """A row a layer: the features in the neurons' gaps, and how many of them count, of dictionaries and nulls."""
    return _summary(layers, LEARNED, lambda seeds: f"{_over(seeds, 'in_gaps')}, {_counted(seeds)}")


def population_table(layer: _Row) -> str:
    """A row a population of a layer: detectors by family, gap and coverage; and the features in gaps, by test."""
    rows = [[name, [population]] for name, population in layer["populations"].items()]
    rows += [[f"null: {name}, {len(null['seeds'])} seeds", null["seeds"]] for name, null in layer["nulls"].items()]
    return table([{"name": name, "seeds": seeds} for name, seeds in rows], _POPULATIONS)


def tuning_table(layer: _Row) -> str:
    """The median tuning of each population with curve detectors; and the paper's neurons in its layers."""
    rows: list[_Row] = []
    for name, population in layer["populations"].items():
        natural = layer["natural"].get(name, {})
        measured = {"natural_width": natural.get("width"), "disagreement": natural.get("disagreement_with_circles")}
        if median := population["medians_of_curve_units"]:
            rows.append({"name": name, **median, **measured})
    return table([*rows, _PUBLISHED] if layer["name"] in _PUBLISHED_LAYERS else rows, _TUNING)


def grid_table(layer: _Row) -> str:
    """For each pair of thresholds, the count, largest gap and features in gaps of neurons and learned dictionaries."""
    columns: Columns = {name: f"{{{name}}}" for name in ("selectivity", "echo", *_OWN)}
    return table(_grid_rows(layer), columns)


def gaps_table(rows: Sequence[_Row]) -> str:
    """The features of a dictionary in the neurons' gaps, those that count first."""
    return table(counted_first(rows)[:LISTED], _GAPS)


def _summary(layers: Sequence[_Row], own: Sequence[str], cell: Callable[[Sequence[_Row]], str]) -> str:
    nulls = list(dict.fromkeys(null for layer in layers for null in layer["nulls"]))
    rows = []
    for layer in layers:
        row = {"layer": layer["name"]} | {name: cell([layer["populations"][name]]) for name in own}
        rows.append(
            row | {null: cell(layer["nulls"][null]["seeds"]) if null in layer["nulls"] else "" for null in nulls}
        )
    headings: Columns = {f"null: {null}" if null in nulls else null: f"{{{null}}}" for null in ("layer", *own, *nulls)}
    return table(rows, headings)


def _over(seeds: Sequence[_Row], figure: str, form: str = ".0f") -> str:
    """A figure, over the seeds of a null; empty if it is unknown or was not measured, as of neurons."""
    return spread_text([seed.get(figure) for seed in seeds], form)


def _figure(figure: str, form: str = ".0f", unit: str = "") -> Callable[[_Row], str]:
    return lambda row: text + unit if (text := _over(row["seeds"], figure, form)) else ""


def _family(family: str) -> Callable[[_Row], str]:
    return lambda row: spread_text([seed["families"][family] for seed in row["seeds"]])


def _agree(row: _Row) -> str:
    """How many photographs agree with, of those about which they could decide; empty if none was asked."""
    asked = _over(row["seeds"], "asked")
    if asked in ("", "0"):
        return ""
    return f"{_over(row['seeds'], 'agree')} of {_over(row['seeds'], 'answered')}"


def _counted(seeds: Sequence[_Row]) -> str:
    """How many count; and how many pass every test that was made, where one was not."""
    counted, undecided = _over(seeds, "counted"), _over(seeds, "undecided")
    text = f"{counted} counted" if counted else _UNKNOWN
    return text if undecided == "0" or not counted else f"{text}, {undecided} undecided"


_POPULATIONS: Columns = {
    "population": "{name}",
    "units": lambda row: f"{row['seeds'][0]['units']:,}",
    "curve detectors": _figure("curve_units"),
    "largest gap": _figure("largest_gap", unit="°"),
    "coverage": _figure("coverage", ".2f"),
    **{heading: _family(family) for heading, family in _FAMILIES.items()},
    "in gaps": _figure("in_gaps"),
    "help": _figure("help"),
    "found again": _figure("found_again"),
    "photographs agree": _agree,
    "counted": lambda row: _counted(row["seeds"]).replace(" counted", "") if "in_gaps" in row["seeds"][0] else "",
}


def _grid_rows(layer: _Row) -> Iterator[_Row]:
    for index, thresholds in enumerate(layer["populations"]["neurons"]["grid"]):
        cells = {key: f"{thresholds[key]:g}" for key in ("selectivity", "echo")}
        for name in _OWN:
            row, in_gaps = layer["populations"][name]["grid"][index], layer["in_gaps_over_grid"]
            gaps = f", {in_gaps[name][index]} in gaps" if name in in_gaps else ""
            cells[name] = f"{row['count']} ({row['largest_gap']:.0f}°){gaps}"
        yield cells


def _answer(passed: bool | None) -> str:
    return _UNKNOWN if passed is None else "yes" if passed else "no"


def _natural(row: _Row) -> str:
    return _UNKNOWN if row["natural_disagreement"] is None else f"{row['natural_disagreement']:.0f}° off"
