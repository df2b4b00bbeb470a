"""The page of the reproduction of polysemantic neurons, in Markdown."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from visae._support.tables import markdown
from visae.decomposition import LARGE_SHARE, MIN_SHARE
from visae.decomposition._meanings import SAME_MEANING
from visae.papers.report import page

_LISTED = 20  # neurons of the ranking
_PARTS = 8  # features of a neuron

_PAPER = (
    "What the paper found, on inception5h with ImageNet and five billion activations: some polysemantic neurons of its "
    "early layers split into features that each have one meaning, among them a neuron of mixed3b that detects double "
    "curves."
)
_DEFINITIONS = (
    "The share of a feature in a neuron is the covariance of what the feature adds to the neuron with the neuron, over "
    "the neuron's variance; together is how much of the variance this feature and those above it explain. Features "
    f"with a share of {LARGE_SHARE:.0%} or more are the neuron's large parts; those of one family within "
    f"{SAME_MEANING:g}° are one meaning, and those without a family are another (other). A neuron is polysemantic if "
    "two of its meanings have a family, since those without may be the same thing again. Neurons are ranked by the "
    "share of the second, and the first three are shown: their dataset examples are split by which feature adds most "
    "to the neuron there."
)


def polysemantic_page(report: Mapping[str, Any]) -> str:
    """Render the report of `reproduce` as Markdown."""
    parts = [f"# Polysemantic neurons: {report['network']}", _PAPER, _DEFINITIONS]
    for name, layer in report["layers"].items():
        parts += [f"## {name}", *_layer_parts(name, layer)]
    return page(parts)


def _layer_parts(name: str, layer: Mapping[str, Any]) -> list[str]:
    sae, count, alone = layer["sae"], len(layer["ranking"]), layer["explained_by_one_feature"]
    parts = [
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
    if not count:
        return [*parts, "The features of this dictionary do not decompose this layer's neurons: there is no example."]
    rows = [[f"{name}:{row['neuron']}", row["meanings"]] for row in layer["ranking"][:_LISTED]]
    parts.append(markdown([["neuron", "meanings, and their share of its variance"], *rows]))
    if count > _LISTED:
        parts.append(f"{count - _LISTED} more are in polysemantic.json.")
    return parts + [part for case in layer["cases"] for part in _neuron_parts(name, case)]


def _neuron_parts(layer: str, case: Mapping[str, Any]) -> list[str]:
    name = f"{layer}:{case['neuron']}"
    rows = [["feature", "share", "together", "weight", "what it is", "examples"]]
    for part in case["parts"][:_PARTS]:
        shares = f"{part['share']:.0%}", f"{part['together']:.0%}"
        rows.append([str(part["feature"]), *shares, f"{part['weight']:+.3g}", part["what"], str(len(part["examples"]))])
    others = case["examples_of_other_features"]
    note = f"{others} of its dataset examples go to features that are not listed." if others else ""
    return [f"### {name}", f"![{name}]({layer}/neuron-{case['neuron']}.png)", markdown(rows), note]
