"""The reproduction of polysemantic neurons as a page of Markdown."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from visae._support.tables import markdown

_LISTED = 20  # neurons of the ranking
_PARTS = 8  # features of a case

_PAPER = (
    "What the paper found, on inception5h with ImageNet and five billion activations: some polysemantic neurons of its "
    "early layers split into features that each mean one thing, among them a neuron of mixed3b that sees double curves."
)
_DEFINITIONS = (
    "A feature's share in a neuron is the covariance of what it adds to the neuron with the neuron, over the neuron's "
    "variance; together is how much of the variance it and those above it explain. Features with a share of 10 % or "
    "more are the neuron's large parts; those of one family within 30° are one meaning, those of no family another "
    "(other). A neuron is polysemantic if two meanings have a family: what has none may be the same thing again. "
    "Neurons are ranked by the share of the second, and the first three are shown: their dataset examples are split by "
    "which feature adds most to the neuron there."
)


def polysemantic_page(report: Mapping[str, Any]) -> str:
    """The page of a report of `visae.papers.polysemantic._reproduce`."""
    parts = [f"# Polysemantic neurons: {report['network']}", _PAPER, _DEFINITIONS]
    for layer, found in report["layers"].items():
        parts += [f"## {layer}", *_layer(layer, found)]
    return "\n\n".join(parts) + "\n"


def _layer(layer: str, found: Mapping[str, Any]) -> list[str]:
    sae, count, one = found["sae"], len(found["ranking"]), found["explained_by_one_feature"]
    lines = [
        f"{found['rows']:,} rows; {sae['kind']}, {sae['width']:,} features, explained variance "
        f"{sae['explained_variance']:.3f}, L0 {sae['l0']:.1f}.",
        f"{count} of {found['neurons']} neurons are polysemantic; {found['several_large_parts']} if features of no "
        f"family count as another meaning. One feature alone explains {median(one):.0%} of a neuron's variance in the "
        f"median, and 90 % or more of {sum(share >= 0.9 for share in one)} neurons.",
    ]
    if "constituents" in found:
        truth = found["constituents"]
        lines.append(
            "This network's truth is known. Of the features that explain 1 % or more of a neuron, "
            f"{truth['precision']:.1%} truly write to it (precision); of what truly writes to the neurons, "
            f"{truth['recall']:.1%} is among them (recall)."
        )
    if not count:
        return [*lines, "The features of this dictionary do not take this layer's neurons apart: there is no case."]
    rows = [[f"{layer}:{row['neuron']}", row["meanings"]] for row in found["ranking"][:_LISTED]]
    lines.append(markdown([["neuron", "meanings, and their share of its variance"], *rows]))
    if count > _LISTED:
        lines.append(f"{count - _LISTED} more are in polysemantic.json.")
    for case in found["cases"]:
        lines += _case(layer, case)
    return lines


def _case(layer: str, case: Mapping[str, Any]) -> Sequence[str]:
    name = f"{layer}:{case['neuron']}"
    rows = [["feature", "share", "together", "weight", "what it is", "examples"]]
    for part in case["parts"][:_PARTS]:
        share, together = f"{part['share']:.0%}", f"{part['together']:.0%}"
        rows.append(
            [str(part["feature"]), share, together, f"{part['weight']:+.3g}", part["what"], str(len(part["examples"]))]
        )
    others = case["examples_of_other_features"]
    note = f"{others} of its dataset examples go to features that are not listed." if others else ""
    return [f"### {name}", f"![{name}]({layer}/neuron-{case['neuron']}.png)", markdown(rows), *filter(None, [note])]
