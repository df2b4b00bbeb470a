"""visae reproduce"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

import visae
from visae.commands.options import File, Text, open_usual
from visae.errors import VisaeError
from visae.images import Images
from visae.reproduce import Budget, missing_curves, polysemantic, usual
from visae.zoo import Network

# The layers of the paper, and the branches that hold the curve families of mixed3a and mixed3b.
_LAYERS = {
    "planted": "mixed",
    "inceptionv1": "conv2d0,conv2d1,conv2d2,mixed3a,mixed3a_3x3,mixed3b,mixed3b_5x5",
}


@dataclass(kw_only=True)
class Reproduce:
    """Run a published result on a network, and write a page with our numbers beside the paper's.

    missing-curves: Gorton 2024. Which curve orientations do neurons miss, and do features of sparse autoencoders, PCA,
    ICA or random directions fill them?

    polysemantic: the same paper. Which neurons do several things, and which features are these?

    Without options both run on the planted network, in a few minutes. They use each other's rows and dictionaries if
    they are given the same folder.

    Example: visae reproduce missing-curves --network inceptionv1-caffe --images photos/ --out runs/missing
    """

    what: Annotated[Literal["missing-curves", "polysemantic"], tyro.conf.Positional]
    """The result."""
    out: Path
    """Folder for the page, its figures and numbers; rows and dictionaries that it holds are not made again."""
    network: str = "planted"
    """planted, inceptionv1, inceptionv1-caffe, or torchvision:NAME, for which --layers is needed."""
    layers: Text = None
    """Layers, with commas between. Without it: those of the paper, and the branches that hold the curve families."""
    images: str = "leaves:600"
    """A folder of photographs, a text file with a path a line, or leaves:N for N dead-leaves images."""
    examples: Text = None
    """polysemantic: other images, in which dataset examples are looked for. Without it: --images."""
    weights: File = None
    """File of weights, or a folder that holds it. Without it: $VISAE_WEIGHTS, then the cache (see visae fetch)."""
    device: Text = None
    """cpu, cuda, ... Without it: CUDA where there is one."""
    positions: int = 64
    """Positions to keep of every image."""
    width: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 8 times the channels; planted: 128)")
    ] = None
    """Features."""
    k: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: a twelfth of the channels; planted: 2)")
    ] = None
    """Features that may fire at one position."""
    l1: float = Budget.l1
    """missing-curves: penalty of the ReLU SAE beside the TopK one, which is of the paper's kind."""
    epochs: Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 8; planted: 60)")] = None
    """Passes over the rows."""
    lr: float = 3e-3
    """Adam's learning rate."""
    seed: int = 0
    """Decides leaves, positions, held-out images, the order of rows and the first directions."""

    def run(self) -> None:
        """Run it, print the page, and say where the files are."""
        if self.examples and self.what != "polysemantic":
            raise VisaeError(f"--examples is for polysemantic; {self.what} shows no images")
        names = self.layers or _LAYERS.get(self.network.partition(":")[0].removesuffix("-caffe"))
        if names is None and self.network.startswith("torchvision:"):
            raise VisaeError(
                f"which layers of {self.network}? give --layers (visae networks {self.network} lists them)"
            )
        network = visae.network(self.network, self.weights, self.device)
        layers = [name.strip() for name in (names or "").split(",")]
        budget = usual(self.network, self.k, self.width, self.epochs, self.lr, self.positions, self.seed, self.l1)
        for layer in layers:
            # So that a layer or a setting that cannot be is refused before anything is captured.
            budget.recipe(network.layer(layer).channels)
        images = open_usual(self.images, self.seed)
        page = _RESULTS[self.what](self, network, layers, images, budget)
        print(page.read_text())
        print(f"page: {page}")

    def missing_curves(self, network: Network, layers: list[str], images: Images, budget: Budget) -> Path:
        """Run missing-curves; the page."""
        missing_curves(network, layers, images, self.out, budget)
        return self.out / "report.md"

    def polysemantic(self, network: Network, layers: list[str], images: Images, budget: Budget) -> Path:
        """Run polysemantic; the page."""
        shown = open_usual(self.examples, self.seed) if self.examples else None
        polysemantic(network, layers, images, self.out, budget, shown)
        return self.out / "polysemantic.md"


_RESULTS: dict[str, Callable[[Reproduce, Network, list[str], Images, Budget], Path]] = {
    "missing-curves": Reproduce.missing_curves,
    "polysemantic": Reproduce.polysemantic,
}
