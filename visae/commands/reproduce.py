"""visae reproduce"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

import visae
from visae.activations import Positions
from visae.commands.options import File, Text
from visae.images import open_images
from visae.reproduce import Budget, missing_curves
from visae.sae import TopK
from visae.training import Training

_LAYERS = {
    "planted": "mixed",
    "inceptionv1": "conv2d0,conv2d1,conv2d2,mixed3a,mixed3a_3x3,mixed3b,mixed3b_5x5",
}
# Dead leaves are small, so that the default takes minutes.
_LEAVES_CROP = 128


@dataclass(kw_only=True)
class Reproduce:
    """Run a published result on a network, and write a page with our numbers beside the paper's.

    missing-curves: Gorton 2024. Which curve orientations do neurons miss, and do features of sparse autoencoders, PCA,
    ICA or random directions fill them? Without options it runs on the planted network, in a few minutes.

    Example: visae reproduce missing-curves --network inceptionv1-caffe --images photos/ --out runs/missing
    """

    what: Annotated[Literal["missing-curves"], tyro.conf.Positional]
    """The result."""
    out: Path
    """Folder for report.md, report.json and the figures; rows and dictionaries that it holds are not made again."""
    network: str = "planted"
    """planted, inceptionv1, inceptionv1-caffe."""
    layers: Text = None
    """Layers, with commas between. Without it: those of the paper, and the branches that hold the curve families."""
    images: str = "leaves:600"
    """A folder of photographs, a text file with a path a line, or leaves:N for N dead-leaves images."""
    weights: File = None
    """File of weights, or a folder that holds it. Without it: $VISAE_WEIGHTS, then the cache (see visae fetch)."""
    device: Text = None
    """cpu, cuda, ... Without it: CUDA where there is one."""
    positions: int = 64
    """Positions to keep of every image."""
    expansion: int = 8
    """Features, as a multiple of the layer's channels."""
    k: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: a twelfth of the channels; planted: 2)")
    ] = None
    """Features that may fire at one position."""
    epochs: int = 8
    """Passes over the rows."""
    lr: float = 3e-3
    """Adam's learning rate."""
    seed: int = 0
    """Decides leaves, positions, held-out images, the order of rows and the first directions."""

    def run(self) -> None:
        """Run it, print the page, and say where the files are."""
        planted = self.network.startswith("planted")
        family = "planted" if planted else "inceptionv1"
        layers = [name.strip() for name in (self.layers or _LAYERS[family]).split(",")]
        network = visae.network(self.network, self.weights, self.device)
        crop = _LEAVES_CROP if self.images.startswith("leaves:") else 224
        images = open_images(self.images, crop=crop, seed=self.seed)

        def recipe(channels: int) -> TopK:
            return TopK(k=self.k or (2 if planted else channels // 12), width=self.expansion * channels)

        training = Training(epochs=self.epochs, lr=self.lr, seed=self.seed)
        budget = Budget(recipe, training, Positions(count=self.positions, seed=self.seed))
        missing_curves(network, layers, images, self.out, budget)
        print((self.out / "report.md").read_text())
        print(f"page: {self.out / 'report.md'}")
