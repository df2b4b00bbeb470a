"""visae decompose"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import visae
from visae import decomposition
from visae.activations import Rows
from visae.commands.options import File, Text, rows_beside
from visae.errors import VisaeError
from visae.evidence import held_out_rows
from visae.metrics.shares import shares
from visae.sae import load
from visae.table import markdown
from visae.tuning import Battery, battery
from visae.tuning.plots import Panel, draw
from visae.units import features, neurons

_RANKED = 15  # neurons
_DRAWN = 6  # features


@dataclass(kw_only=True)
class Decompose:
    """Take neurons apart with a dictionary: which features write to them, and what each of those is.

    Without --neuron it lists the layer's most polysemantic neurons: those in which features of different kind or
    orientation each explain a large part of the variance.

    Example: visae decompose --dictionary runs/topk8 --neuron mixed3b_5x5:17 --out runs/neuron17
    """

    dictionary: Path
    """Folder or file of a dictionary."""
    neuron: Text = None
    """Which neuron: its number, or LAYER:NUMBER."""
    rows: File = None
    """Folder that visae capture made. Without it: rows/ beside the dictionary, as visae run leaves it."""
    out: File = None
    """Folder for decomposition.png, the tuning of the neuron and of the features that write to it."""
    weights: File = None
    """File of weights, or a folder that holds it. Without it: $VISAE_WEIGHTS, then the cache (see visae fetch)."""
    device: Text = None
    """cpu, cuda, ... Without it: CUDA where there is one."""

    def run(self) -> None:
        """Print the parts of a neuron, or the ranking."""
        sae = load(self.dictionary)
        if self.out and self.neuron is None:
            raise VisaeError("--out is for the plot of one neuron; say which with --neuron")
        network = visae.network(sae.about["network"], self.weights, self.device)
        layer = sae.about["layer"]
        neuron = None if self.neuron is None else _number(self.neuron, layer, sae.dim)
        batches = partial(held_out_rows, sae, Rows(self.rows or rows_beside(self.dictionary)))
        found = shares(sae, batches)
        swept = battery([features(network, layer, sae), neurons(network, layer)])
        if neuron is None:
            ranked = decomposition.most_polysemantic(found, swept[0])
            print(_ranking(layer, ranked, sae.dim))
            return
        made_of = decomposition.parts(sae, batches, found, swept[0], neuron)
        print(_table(layer, neuron, made_of))
        if self.out:
            path = self.out / "decomposition.png"
            _draw(layer, neuron, made_of, swept, path)
            print(f"plot: {path}")


def _number(text: str, layer: str, count: int) -> int:
    of, _, number = text.rpartition(":")
    if not number.isdecimal() or (of and of != layer):
        raise VisaeError(f"--neuron is {text!r}; give a number, or {layer}:NUMBER, the layer of the dictionary")
    if int(number) >= count:
        raise VisaeError(f"there is no neuron {number} in {layer}; it has {count}, from 0 to {count - 1}")
    return int(number)


def _ranking(layer: str, ranked: list[tuple[int, list[decomposition.Meaning]]], count: int) -> str:
    large = f"{decomposition.LARGE:.0%}"
    if not ranked:
        return f"none of the {count} neurons of {layer} has two meanings that each explain {large} of its variance"
    rows = [[f"{layer}:{neuron}", decomposition.words(of)] for neuron, of in ranked[:_RANKED]]
    several = f"{len(ranked)} of {count} neurons of {layer} have two meanings or more"
    head = f"{several} that each explain {large} of the variance:"
    return f"{head}\n\n{markdown([['neuron', 'meanings, and their share of its variance'], *rows])}"


def _table(layer: str, neuron: int, made_of: list[decomposition.Part]) -> str:
    if not made_of:
        return f"no feature explains {decomposition.LEAST:.0%} of the variance of {layer}:{neuron}"
    head = ["feature", "share", "together", "weight", "what it is"]
    rows = [
        [
            str(part.feature),
            f"{part.share:.1%}",
            f"{part.together:.1%}",
            f"{part.weight:+.3g}",
            decomposition.named(part.family, part.orientation),
        ]
        for part in made_of
    ]
    return f"{layer}:{neuron} is made of\n\n{markdown([head, *rows])}"


def _draw(layer: str, neuron: int, made_of: list[decomposition.Part], swept: list[Battery], path: Path) -> None:
    units = [part.feature for part in made_of[:_DRAWN]]
    of_features, of_neurons = (of.responses["circle"] for of in swept)
    orientation = swept[0].tuned["circle"].orientation[units]
    degrees = of_neurons.axes["orientation"].numpy()
    alone = of_neurons.tuning()[[neuron]].numpy()
    panels = [
        Panel(f"neuron {neuron}", "neuron", degrees, alone, swept[1].tuned["circle"].orientation[[neuron]].numpy()),
        Panel(
            f"its {len(units)} largest features",
            "features",
            degrees,
            of_features.tuning()[units].numpy(),
            orientation.nan_to_num(0).numpy(),
        ),
    ]
    draw(f"{layer}:{neuron}, tuning to circles", panels, path)
