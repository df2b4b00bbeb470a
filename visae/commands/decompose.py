"""visae decompose"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from visae._support.errors import VisaeError
from visae._support.paths import require_images, require_store
from visae._support.tables import markdown
from visae.commands.options import File, Text, WeightsOptions, open_small, rows_beside

if TYPE_CHECKING:
    from visae.activations import Rows
    from visae.decomposition import Meaning, NeuronDecomposition
    from visae.images import Images
    from visae.networks import Network
    from visae.sae import SAE

_RANKED = 15  # neurons
_LEAVES = "leaves:600"


@dataclass(kw_only=True)
class DecomposeCommand(WeightsOptions):
    """Take neurons apart with a dictionary: which features write to them, and what each feature detects.

    Without --neuron, lists the layer's most polysemantic neurons: those where features of different kinds or
    orientations each explain a large share of the variance. Without --dictionary, trains one in --out, on --images.

    Example: visae decompose --neuron mixed:3 --out runs/apart

    Example: visae decompose --dictionary runs/topk8 --neuron mixed3b_5x5:17 --images photos/ --out runs/neuron17

    Example: visae decompose --neuron mixed3b:359 --network inceptionv1 --images photos/ --out runs/mixed3b
    """

    dictionary: File = None
    """Folder or file of a dictionary. Without it, the one in --out is used, or trained if there is none."""
    neuron: Text = None
    """The neuron: LAYER:NUMBER, or its number in the dictionary's layer."""
    rows: File = None
    """Folder written by visae capture. Without it: rows/ beside the dictionary, where visae run puts it."""
    images: Text = None
    """Images to train a dictionary on and to search for dataset examples: a folder, a list, or leaves:N."""
    out: File = None
    """Folder for neuron-N.png, which plots the tuning of the neuron and its features beside its dataset examples."""
    network: str = "planted"
    """The network, if there is no dictionary yet: planted, inceptionv1, inceptionv1-caffe, torchvision:NAME."""

    def check(self) -> None:
        """Raise `VisaeError` for invalid options."""
        if self.dictionary is not None:
            self.check_dictionary(self.dictionary)
        if self.rows is not None:
            require_store(self.rows)
        if self.images is not None:
            require_images(self.images)
        if self.dictionary and self.out and self.neuron is None:
            raise VisaeError("--out is for the plot of one neuron; name it with --neuron")
        if self.dictionary is None and (self._image_name() is None or self.out is None or not self._layer()):
            raise VisaeError(
                "without --dictionary one is trained: give --out, its folder, and, except for the planted network, "
                "--images and --neuron LAYER:NUMBER"
            )
        if self.dictionary is None:
            self.check_weights(self.network)

    def run(self) -> None:
        """Print the parts of a neuron, or the ranking."""
        from visae.decomposition import MOST_IMAGES, decompose_layer, decompose_neuron, decompose_neurons
        from visae.images import evenly_spaced
        from visae.plots import plot_neuron_decomposition

        name = self._image_name()
        images = None if name is None else open_small(name)
        network, sae, rows = self._given(self.dictionary) if self.dictionary else self._made(images)
        layer = sae.about["layer"]
        neuron = None if self.neuron is None else _number(self.neuron, layer, sae.dim)
        decomposition = decompose_layer(network, layer, sae, rows)
        if neuron is None:
            print(_ranking(layer, decomposition.ranking(), sae.dim))
            return
        searched = None if images is None else evenly_spaced(images, MOST_IMAGES)
        if searched is None:
            parts = decompose_neuron(decomposition, neuron)
        else:
            parts = decompose_neurons(decomposition, [neuron], searched)[0]
        print(_table(parts))
        if searched is None:
            print("\nno dataset examples: give --images (photographs, or leaves:600) to split them by feature")
        if self.out:
            path = self.out / f"neuron-{neuron}.png"
            plot_neuron_decomposition(parts, decomposition.neurons.layer, searched, path)
            print(f"plot: {path}")

    def _is_planted(self) -> bool:
        return self.dictionary is None and self.network.startswith("planted")

    def _image_name(self) -> str | None:
        return self.images or (_LEAVES if self._is_planted() else None)

    def _layer(self) -> str:
        return (self.neuron or "").rpartition(":")[0] or ("mixed" if self._is_planted() else "")

    def _given(self, dictionary: Path) -> "tuple[Network, SAE, Rows]":
        from visae.activations import Rows
        from visae.sae import load

        sae = load(dictionary)
        network = self.open_named(sae.about["network"])
        return network, sae.to(network.device), Rows(self.rows or rows_beside(dictionary))

    def _made(self, images: "Images | None") -> "tuple[Network, SAE, Rows]":
        """The dictionary that `visae reproduce` trains on the neuron's layer; trained here if there is none yet."""
        from visae.training import default_budget, train_layer

        assert images is not None
        assert self.out is not None
        network, layer = self.open_named(self.network), self._layer()
        _number(self.neuron or "0", layer, network.layer(layer).channels)
        rows, sae = train_layer(network, layer, images, self.out, default_budget(self.network))
        return network, sae, rows


def _number(text: str, layer: str, count: int) -> int:
    own, _, number = text.rpartition(":")
    if own and own != layer:
        raise VisaeError(f"--neuron is {text}, but the dictionary is of {layer}; give {layer}:NUMBER, or one of {own}")
    if not re.fullmatch(r"-?\d+", number):
        raise VisaeError(f"--neuron is {text!r}; give a number, or {layer}:NUMBER")
    if not 0 <= int(number) < count:
        raise VisaeError(f"there is no neuron {number} in {layer}; it has {count}, from 0 to {count - 1}")
    return int(number)


def _ranking(layer: str, ranked: "list[tuple[int, list[Meaning]]]", count: int) -> str:
    from visae.decomposition import LARGE_SHARE, describe_meanings

    large = f"{LARGE_SHARE:.0%}"
    if not ranked:
        return f"none of the {count} neurons of {layer} has two meanings that each explain {large} of its variance"
    rows = [[f"{layer}:{neuron}", describe_meanings(meanings)] for neuron, meanings in ranked[:_RANKED]]
    several = f"{len(ranked)} of {count} neurons of {layer} have two meanings or more"
    head = f"{several} that each explain {large} of the variance:"
    return f"{head}\n\n{markdown([['neuron', 'meanings, and their share of its variance'], *rows])}"


def _table(neuron: "NeuronDecomposition") -> str:
    from visae.decomposition import MIN_SHARE, describe_detector

    name = f"{neuron.layer}:{neuron.neuron}"
    if not neuron.parts:
        return f"no feature explains {MIN_SHARE:.0%} of the variance of {name}"
    rows = [["feature", "share", "together", "weight", "what it is"]]
    for part in neuron.parts:
        what = describe_detector(part.family, part.orientation)
        rows.append([str(part.feature), f"{part.share:.1%}", f"{part.together:.1%}", f"{part.weight:+.3g}", what])
    note = (
        "\n\nshare: covariance of the feature's contribution with the neuron, over the neuron's variance; "
        "together: share of the variance explained by the sum of this feature and those above it"
    )
    split = [len(positions) for positions in neuron.examples]
    if count := sum(split) + neuron.unexplained:
        rows = [[*row, cell] for row, cell in zip(rows, ["examples", *map(str, split)], strict=True)]
        note += (
            f"\nexamples: of the {count} images in which the neuron fires most, those where a feature contributes more "
            f"than any other; {neuron.unexplained} belong to features not listed"
        )
    return f"{name} decomposes into\n\n{markdown(rows)}{note}"
