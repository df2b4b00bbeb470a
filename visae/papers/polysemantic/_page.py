"""The page of the reproduction of polysemantic neurons, in Markdown."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from visae.decomposition import LARGE_SHARE, MIN_SHARE
from visae.decomposition._meanings import SAME_MEANING
from visae.papers.report import Columns, fill_page, table

_LISTED = 20  # neurons of the ranking
_PARTS = 8  # features of a neuron

_RANKING: Columns = {"neuron": "{layer}:{neuron}", "meanings, and their share of its variance": "{meanings}"}
_FEATURES: Columns = {
    "feature": "{feature}",
    "share": "{share:.0%}",
    "together": "{together:.0%}",
    "weight": "{weight:+.3g}",
    "what it is": "{what}",
    "examples": lambda part: str(len(part["examples"])),
}


def polysemantic_page(report: Mapping[str, Any]) -> str:
    """Render the report of `reproduce` as Markdown."""
    layers = "\n\n".join(_layer_section(name, layer) for name, layer in report["layers"].items())
    return fill_page("polysemantic", {**report, "layers": layers, "large": LARGE_SHARE, "same": SAME_MEANING})


def _layer_section(name: str, layer: Mapping[str, Any]) -> str:
    sae, count, alone = layer["sae"], len(layer["ranking"]), layer["explained_by_one_feature"]
    parts = [
        f"## {name}",
        f"{layer['rows']:,} rows; {sae['kind']}, {sae['width']:,} features, explained variance "
        f"{sae['explained_variance']:.3f}, L0 {sae['l0']:.1f}.",
        f"{count} of {layer['neurons']} neurons are polysemantic; {layer['several_large_parts']} if features without a "
        f"family count as another meaning. One feature alone explains {median(alone):.0%} of a neuron's variance in "
        f"the median, and 90% or more of {sum(share >= 0.9 for share in alone)} neurons.",
    ]
    if "constituents" in layer:
        truth = layer["constituents"]
        parts.append(
            f"The truth is known for this network. {truth['precision']:.1%} of the features that explain "
            f"{MIN_SHARE:.0%} or more of a neuron truly write to it (precision); {truth['recall']:.1%} of what truly "
            "writes to the neurons is among them (recall)."
        )
    if count:
        parts.append(table(({"layer": name, **row} for row in layer["ranking"][:_LISTED]), _RANKING))
        parts.append(f"{count - _LISTED} more are in polysemantic.json." if count > _LISTED else "")
        parts += [_neuron_section(name, case) for case in layer["cases"]]
    else:
        parts.append("The features of this dictionary do not decompose this layer's neurons: there is no example.")
    return "\n\n".join(parts)


def _neuron_section(layer: str, case: Mapping[str, Any]) -> str:
    name, others = f"{layer}:{case['neuron']}", case["examples_of_other_features"]
    note = f"{others} of its dataset examples go to features that are not listed." if others else ""
    picture = f"![{name}]({layer}/neuron-{case['neuron']}.png)"
    return "\n\n".join([f"### {name}", picture, table(case["parts"][:_PARTS], _FEATURES), note])
