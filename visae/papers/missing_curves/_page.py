"""The reproduction of the missing curve detectors as a page of Markdown: our numbers, and what the paper found."""

from collections.abc import Mapping, Sequence
from typing import Any

from visae._support.tables import markdown
from visae.papers.missing_curves import _tables as page_tables
from visae.papers.missing_curves._populations import file_name

_PICTURES = {"radius": "Response over orientation and radius", "natural": "Tuning in natural images"}
_GOOD, _FEW_DEAD = 0.9, 0.2  # explained variance and dead features of a dictionary that can be trusted

_PAPER = (
    "What the paper found, on inception5h with ImageNet and five billion activations: the curve neurons of mixed3b "
    "leave two large gaps (neighbours 62 and 68 degrees apart, near 207 and 326 degrees, where the best neuron's "
    "response falls to half of what it is elsewhere), and features of its SAEs lie in them. Its table of recipes "
    "could not be retrieved."
)

_CRITERIA = (
    "A curve detector responds more to some circle than to any line or edge, and hardly less than to any corner; has "
    "one sharp peak over orientation (selectivity at least 0.85); hardly answers to the opposite curve (echo at most "
    "0.05); and reaches a tenth of the strongest unit's response. Coverage is the "
    "minimum over the median of the best detector's response around the circle, in its own standard deviations over "
    "natural images: 0 where some orientation moves none of them."
)

_SUMMARY = (
    "All layers: curve detectors (their largest gap, coverage), and how many features lie in gaps, 15° or more from "
    "every curve neuron (in brackets, of how many of those that were asked dataset examples, turned in steps, confirm "
    "the orientation to within 15°, as seen from the curve neurons; by chance it would be one in twelve; "
    "nothing in brackets where no neuron is a curve detector, and none can be asked). Features are "
    "those of the TopK SAE, ReLU features those of the paper's kind. A feature that hardly ever fires passes for a "
    "detector of the few stimuli that it answers to: how many random directions do, and whether natural images confirm "
    "it, tells what a count is worth."
)

_LIKENESS = (
    "What the curve detectors are like, in the median: width at half maximum; the radius they prefer; lines against "
    "circles (-1 to 1, below 0 for curves); polarity of edges (1 where only one way round counts); shares of harmonics "
    "1 to 4 of their tuning, %; and, from dataset examples turned in steps, their width in natural images and by how "
    "much the angles between pairs of them differ from those by circles:"
)

_GRID = (
    "Curve detectors under other thresholds, least selectivity and largest echo, with the largest gap of each "
    "population, and how many features lie in gaps:"
)


def curves_page(report: Mapping[str, Any]) -> str:
    """The page of a report of `visae.papers.missing_curves._reproduce`."""
    parts = [f"# Missing curve detectors: {report['network']}", _PAPER, _comparable(report), _CRITERIA]
    parts += [_SUMMARY, markdown(page_tables.summary(report))]
    for layer, found in report["layers"].items():
        parts += [f"## {layer}", *_layer(layer, found)]
    return "\n\n".join(parts) + "\n"


def _comparable(report: Mapping[str, Any]) -> str:
    rows = max(found["rows"] for found in report["layers"].values())
    if report["network"] == "inceptionv1":
        network = "This is the paper's network"
    else:
        network = (
            f"This network, {report['network']}, is not the paper's: its neurons are others, and so may be their gaps"
        )
    return (
        f"{network}. The budget here is {report['images']:,} images and {rows:,} activations of a layer, not five "
        "billion; what is missing here may be missing for that reason."
    )


def _layer(layer: str, found: Mapping[str, Any]) -> list[str]:
    populations = found["populations"]
    parts = [
        f"{found['rows']:,} rows.",
        *(_dictionary(name, sae) for name, sae in found["saes"].items()),
        markdown(page_tables.populations(populations)),
        f"![Tuning of neurons and features]({layer}/curves.png)",
        f"![Coverage]({layer}/coverage.png)",
        f"![Selectivity]({layer}/selectivity.png)",
        _LIKENESS,
        markdown(page_tables.likeness(layer, found)),
    ]
    if found["natural"]:
        parts += [f"![{words}]({layer}/{name}.png)" for name, words in _PICTURES.items()]
    parts += [_GRID, markdown(page_tables.grid(found))]
    for name, in_gaps in found["in_gaps"].items():
        parts.append(_gaps(name, in_gaps, populations["neurons"]["curve_units"], populations[name]["curve_units"]))
        if in_gaps:
            parts.append(f"![{name} in the neurons' gaps]({layer}/gaps-{file_name(name)}.png)")
    return parts


def _dictionary(name: str, sae: Mapping[str, Any]) -> str:
    return (
        f"{name}: {sae['kind']}, {sae['width']:,} features, explained variance {sae['explained_variance']:.3f}, "
        f"L0 {sae['l0']:.1f}, dead {sae['dead_fraction']:.1%}.{_doubt(sae)}"
    )


def _doubt(sae: Mapping[str, Any]) -> str:
    """A warning, where the dictionary is too poor for what was found with it to be trusted."""
    if sae["explained_variance"] >= _GOOD and sae["dead_fraction"] <= _FEW_DEAD:
        return ""
    return (
        " It explains little of the layer, or many features are dead: what it found is as doubtful as what it missed."
    )


def _gaps(name: str, rows: Sequence[Mapping[str, Any]], neurons: int, features: int) -> str:
    if not neurons:
        return (
            f"No neuron is a curve detector, so the neurons' gap is the whole circle, and all {features} curves among "
            f"the {name} lie in it. Natural images cannot be asked about them: orientations are seen from the curve "
            f"neurons.\n\n{markdown(page_tables.in_gaps(rows))}"
        )
    if not rows:
        return f"No curve among the {name} lies 15° or more from every curve neuron."
    lie = "curve lies" if len(rows) == 1 else "curves lie"
    count = f"Of the {name}, {len(rows)} {lie} 15° or more from every curve neuron, the farthest first:"
    table = page_tables.in_gaps(rows)
    more = len(rows) - len(table) + 1
    return f"{count}\n\n{markdown(table)}" + (f"\n\n{more} more are in report.json." if more else "")
