"""The page of the reproduction of polysemantic neurons, in Markdown."""

from collections.abc import Callable, Mapping
from typing import Any

from visae.decomposition import LARGE_SHARE, MIN_SHARE
from visae.decomposition._meanings import SAME_MEANING
from visae.nulls import spread_text
from visae.papers.polysemantic._measures import ALONE
from visae.papers.report import Columns, fill_page, table
from visae.training._train_layer import MAIN

_LISTED = 20  # neurons of the ranking
_PARTS = 8  # features of a neuron

_Row = Mapping[str, Any]


def _over(figure: str, form: str) -> Callable[[_Row], str]:
    """A column with a figure over seeds; empty where it is unknown."""
    return lambda row: spread_text([seed.get(figure) for seed in row["seeds"]], form)


_POPULATIONS: Columns = {
    "population": "{name}",
    "explained variance": _over("explained_variance", ".3f"),
    "polysemantic neurons": _over("polysemantic", ".0f"),
    "several large parts": _over("several_large_parts", ".0f"),
    "explained by one feature, median": _over("alone_median", ".0%"),
    f"{ALONE:.0%} or more by one": _over("alone_most", ".0f"),
}
_TRUTH: Columns = {"precision": _over("precision", ".1%"), "recall": _over("recall", ".1%")}
_RANKING: Columns = {"neuron": "{layer}:{neuron}", "meanings, and their share of its variance": "{meanings}"}
_FEATURES: Columns = {
    "feature": "{feature}",
    "share": "{share:.0%}",
    "together": "{together:.0%}",
    "weight": "{weight:+.3g}",
    "what it is": "{what}",
    "helps": lambda part: _answer(part["helps"]),
    "found again": lambda part: _answer(part["found_again"]),
    "examples": lambda part: str(len(part["examples"])),
}


def polysemantic_page(report: _Row) -> str:
    """Render the report of `reproduce` as Markdown."""
    layers = "\n\n".join(_layer_section(name, layer) for name, layer in report["layers"].items())
    return fill_page("polysemantic", {**report, "layers": layers, "large": LARGE_SHARE, "same": SAME_MEANING})


def _layer_section(name: str, layer: _Row) -> str:
    sae, count, own = layer["sae"], len(layer["ranking"]), layer["figures"][MAIN]
    parts = [
        f"## {name}",
        f"{layer['rows']:,} rows; {sae['kind']}, {sae['width']:,} features, explained variance "
        f"{sae['explained_variance']:.3f}, L0 {sae['l0']:.1f}.",
        f"{count} of {layer['neurons']} neurons are polysemantic; {own['several_large_parts']} if features without a "
        f"family count as another meaning. One feature alone explains {own['alone_median']:.0%} of a neuron's variance "
        f"in the median, and {ALONE:.0%} or more of {own['alone_most']} neurons.",
        table(_population_rows(layer), _POPULATIONS | (_TRUTH if "precision" in own else {})),
        _headlines(layer["headlines"]),
    ]
    if "precision" in own:
        parts.append(
            f"The truth is known for this network. Precision is the fraction of the features that explain "
            f"{MIN_SHARE:.0%} or more of a neuron that truly write to it; recall the fraction of what truly writes to "
            "the neurons that is among them."
        )
    if count:
        parts.append(table(({"layer": name, **row} for row in layer["ranking"][:_LISTED]), _RANKING))
        parts.append(f"{count - _LISTED} more are in polysemantic.json." if count > _LISTED else "")
        parts += [_neuron_section(name, case) for case in layer["cases"]]
    else:
        parts.append("The features of this dictionary do not decompose this layer's neurons: there is no example.")
    return "\n\n".join(parts)


def _population_rows(layer: _Row) -> list[_Row]:
    rows = [{"name": name, "seeds": [figures]} for name, figures in layer["figures"].items()]
    nulls = layer["nulls"].items()
    return rows + [
        {"name": f"null: {name}, {len(null['seeds'])} seeds", "seeds": null["seeds"]} for name, null in nulls
    ]


def _headlines(lines: list[str]) -> str:
    if not lines:
        return "No null matches any of these figures."
    return "\n".join(["A null matches:", "", *(f"- {line}" for line in lines)])


def _neuron_section(layer: str, case: _Row) -> str:
    name, others = f"{layer}:{case['neuron']}", case["examples_of_other_features"]
    note = f"{others} of its dataset examples go to features that are not listed." if others else ""
    picture = f"![{name}]({layer}/neuron-{case['neuron']}.png)"
    return "\n\n".join([f"### {name}", picture, table(case["parts"][:_PARTS], _FEATURES), note])


def _answer(passed: bool | None) -> str:
    return "unknown" if passed is None else "yes" if passed else "no"
