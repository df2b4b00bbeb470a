"""visae decompose"""

import re
from dataclasses import dataclass
from pathlib import Path

import visae
from visae import decomposition
from visae._support.errors import VisaeError
from visae._support.tables import markdown
from visae.activations import Rows
from visae.commands.options import File, Text, open_usual, rows_beside
from visae.decomposition import Meaning, NeuronDecomposition
from visae.images import Images
from visae.networks import Network
from visae.papers.missing_curves._populations import evenly_spaced
from visae.papers.polysemantic._reproduce import MOST_IMAGES, decompose_neurons
from visae.plots import plot_neuron_decomposition
from visae.sae import SAE, load
from visae.training._layer import train_layer, usual

_RANKED = 15  # neurons
_LEAVES = "leaves:600"


@dataclass(kw_only=True)
class Decompose:
    """Take neurons apart with a dictionary: which features write to them, and what each of those is.

    Without --neuron it lists the layer's most polysemantic neurons: those in which features of different kind or
    orientation each explain a large part of the variance. Without --dictionary one is made in --out, from --images.

    Example: visae decompose --neuron mixed:3 --out runs/apart

    Example: visae decompose --dictionary runs/topk8 --neuron mixed3b_5x5:17 --images photos/ --out runs/neuron17

    Example: visae decompose --neuron mixed3b:359 --network inceptionv1 --images photos/ --out runs/mixed3b
    """

    dictionary: File = None
    """Folder or file of a dictionary. Without it, one is made in --out, or found there."""
    neuron: Text = None
    """Which neuron: LAYER:NUMBER, or its number in the dictionary's layer."""
    rows: File = None
    """Folder that visae capture made. Without it: rows/ beside the dictionary, as visae run leaves it."""
    images: Text = None
    """Images to make a dictionary from, and to find dataset examples in: a folder, a list, or leaves:N."""
    out: File = None
    """Folder for neuron-N.png, the tuning of the neuron and of its features, and its dataset examples."""
    network: str = "planted"
    """Whose neurons, where there is no dictionary yet: planted, inceptionv1, inceptionv1-caffe, torchvision:NAME."""
    weights: File = None
    """File of weights, or a folder that holds it. Without it: $VISAE_WEIGHTS, then the cache (see visae fetch)."""
    device: Text = None
    """cpu, cuda, ... Without it: CUDA where there is one."""

    def run(self) -> None:
        """Print the parts of a neuron, or the ranking."""
        if self.dictionary and self.out and self.neuron is None:
            raise VisaeError("--out is for the plot of one neuron; say which with --neuron")
        images = self._images()
        network, sae, rows = self._given(self.dictionary) if self.dictionary else self._made(images)
        layer = sae.about["layer"]
        neuron = None if self.neuron is None else _number(self.neuron, layer, sae.dim)
        of = decomposition.decompose(network, layer, sae, rows)
        if neuron is None:
            print(_ranking(layer, of.ranking(), sae.dim))
            return
        some = None if images is None else evenly_spaced(images, MOST_IMAGES)
        case = decomposition.case(of, neuron, None, None) if some is None else decompose_neurons(of, [neuron], some)[0]
        print(_table(case))
        if some is None:
            print("\nno dataset examples: give --images, photographs or leaves:600, to have them split by feature")
        if self.out:
            path = self.out / f"neuron-{neuron}.png"
            plot_neuron_decomposition(case, of.neurons.layer, some, path)
            print(f"plot: {path}")

    def _images(self) -> Images | None:
        planted = self.dictionary is None and self.network.startswith("planted")
        name = self.images or (_LEAVES if planted else None)
        return None if name is None else open_usual(name)

    def _given(self, dictionary: Path) -> tuple[Network, SAE, Rows]:
        sae = load(dictionary)
        network = visae.network(sae.about["network"], self.weights, self.device)
        return network, sae.to(network.device), Rows(self.rows or rows_beside(dictionary))

    def _made(self, images: Images | None) -> tuple[Network, SAE, Rows]:
        """The dictionary that `visae reproduce` makes of the neuron's layer; made here if it is not there yet."""
        layer = (self.neuron or "").rpartition(":")[0] or ("mixed" if self.network.startswith("planted") else "")
        if images is None or self.out is None or not layer:
            raise VisaeError(
                "without --dictionary one is made: give --out, its folder, and, but for the planted network, --images "
                "and --neuron LAYER:NUMBER"
            )
        network = visae.network(self.network, self.weights, self.device)
        _number(self.neuron or "0", layer, network.layer(layer).channels)
        rows, sae = train_layer(network, layer, images, self.out, usual(self.network))
        return network, sae, rows


def _number(text: str, layer: str, count: int) -> int:
    of, _, number = text.rpartition(":")
    if of and of != layer:
        raise VisaeError(f"--neuron is {text}, the dictionary is of {layer}; give {layer}:NUMBER, or one of {of}")
    if not re.fullmatch(r"-?\d+", number):
        raise VisaeError(f"--neuron is {text!r}; give a number, or {layer}:NUMBER")
    if not 0 <= int(number) < count:
        raise VisaeError(f"there is no neuron {number} in {layer}; it has {count}, from 0 to {count - 1}")
    return int(number)


def _ranking(layer: str, ranked: list[tuple[int, list[Meaning]]], count: int) -> str:
    large = f"{decomposition.LARGE:.0%}"
    if not ranked:
        return f"none of the {count} neurons of {layer} has two meanings that each explain {large} of its variance"
    rows = [[f"{layer}:{neuron}", decomposition.words(of)] for neuron, of in ranked[:_RANKED]]
    several = f"{len(ranked)} of {count} neurons of {layer} have two meanings or more"
    head = f"{several} that each explain {large} of the variance:"
    return f"{head}\n\n{markdown([['neuron', 'meanings, and their share of its variance'], *rows])}"


def _table(case: NeuronDecomposition) -> str:
    name = f"{case.layer}:{case.neuron}"
    if not case.parts:
        return f"no feature explains {decomposition.LEAST:.0%} of the variance of {name}"
    rows = [["feature", "share", "together", "weight", "what it is"]]
    for part in case.parts:
        what = decomposition.named(part.family, part.orientation)
        rows.append([str(part.feature), f"{part.share:.1%}", f"{part.together:.1%}", f"{part.weight:+.3g}", what])
    note = (
        "\n\nshare: covariance of what the feature adds with the neuron, over the neuron's variance; "
        "together: how much of the variance this feature and those above it explain when they are added up"
    )
    split = [len(places) for places in case.examples]
    if count := sum(split) + case.unexplained:
        rows = [[*row, cell] for row, cell in zip(rows, ["examples", *map(str, split)], strict=True)]
        note += (
            f"\nexamples: in how many of the {count} images in which the neuron fires most a feature adds more to it "
            f"than any other; {case.unexplained} go to features that are not listed"
        )
    return f"{name} is made of\n\n{markdown(rows)}{note}"
