"""visae reproduce: the results that are of layers of a network."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import tyro

import visae
from visae._support.errors import VisaeError
from visae.commands.options import File, Text, open_usual
from visae.images import Images
from visae.networks import Network
from visae.papers.missing_curves._reproduce import missing_curves
from visae.papers.polysemantic._reproduce import polysemantic
from visae.papers.superposition_in_curves._reproduce import superposition_in_curves
from visae.papers.superposition_in_curves._setting import FULL, QUICK
from visae.training._layer import Budget, usual

# The layers of the paper, and the branches that hold the curve families of mixed3a and mixed3b.
_LAYERS = {
    "planted": "mixed",
    "inceptionv1": "conv2d0,conv2d1,conv2d2,mixed3a,mixed3a_3x3,mixed3b,mixed3b_5x5",
}
# Those in which curve features are many.
_CURVED = {"planted": "mixed", "inceptionv1": "mixed3b_5x5"}
_SETTINGS = {"quick": QUICK, "full": FULL}


@dataclass(kw_only=True)
class LayerResult(ABC):
    """What results of layers have in common: a network, layers of it, images, and dictionaries that are trained."""

    usual_layers: ClassVar[dict[str, str]] = _LAYERS

    out: Path
    """Folder for the page, its figures and numbers; rows and dictionaries that it holds are not made again."""
    network: str = "planted"
    """planted, inceptionv1, inceptionv1-caffe, or torchvision:NAME, for which --layers is needed."""
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
    width: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 8 times the channels; planted: 128)")
    ] = None
    """Features."""
    k: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: a twelfth of the channels; planted: 2)")
    ] = None
    """Features that may fire at one position."""
    epochs: Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 8; planted: 60)")] = None
    """Passes over the rows."""
    lr: float = 3e-3
    """Adam's learning rate."""
    seed: int = 0
    """Decides leaves, positions, held-out images, the order of rows and the first directions."""

    def run(self) -> None:
        """Run it, print the page, and say where the files are."""
        names = self.layers or self.usual_layers.get(self.network.partition(":")[0].removesuffix("-caffe"))
        if names is None and self.network.startswith("torchvision:"):
            raise VisaeError(
                f"which layers of {self.network}? give --layers (visae networks {self.network} lists them)"
            )
        network = visae.network(self.network, self.weights, self.device)
        layers = [name.strip() for name in (names or "").split(",")]
        budget = self._budget()
        for layer in layers:
            # So that a layer or a setting that cannot be is refused before anything is captured.
            budget.recipe(network.layer(layer).channels)
        page = self._result(network, layers, open_usual(self.images, self.seed), budget)
        print(page.read_text())
        print(f"page: {page}")

    def _budget(self) -> Budget:
        return usual(self.network, self.k, self.width, self.epochs, self.lr, self.positions, self.seed)

    @abstractmethod
    def _result(self, network: Network, layers: Sequence[str], images: Images, budget: Budget) -> Path:
        """Run the result; its page."""


@dataclass(kw_only=True)
class MissingCurves(LayerResult):
    """Gorton 2024: which curve orientations do neurons miss, and do features of SAEs, PCA, ICA or chance fill them?

    Without options it runs on the planted network, in a few minutes.

    Example: visae reproduce missing-curves --network inceptionv1-caffe --images photos/ --out runs/missing
    """

    l1: float = Budget.l1
    """Penalty of the ReLU SAE beside the TopK one, which is of the paper's kind."""

    def _budget(self) -> Budget:
        return replace(super()._budget(), l1=self.l1)

    def _result(self, network: Network, layers: Sequence[str], images: Images, budget: Budget) -> Path:
        missing_curves(network, layers, images, self.out, budget)
        return self.out / "report.md"


@dataclass(kw_only=True)
class Polysemantic(LayerResult):
    """Gorton 2024: which neurons do several things, and which features are these?

    It uses the rows and dictionaries of missing-curves if it is given the same folder.

    Example: visae reproduce polysemantic --network inceptionv1-caffe --images photos/ --out runs/missing
    """

    examples: Text = None
    """Other images, in which dataset examples are looked for. Without it: --images."""

    def _result(self, network: Network, layers: Sequence[str], images: Images, budget: Budget) -> Path:
        shown = open_usual(self.examples, self.seed) if self.examples else None
        polysemantic(network, layers, images, self.out, budget, shown)
        return self.out / "polysemantic.md"


@dataclass(kw_only=True)
class SuperpositionInCurves(LayerResult):
    """The bridge: are curve and line features of a layer arranged as in the Persian rug, or as in the bag of words?

    It uses the rows and dictionaries of missing-curves if it is given the same folder. Without --layers: mixed3b_5x5,
    where curve features are many, or the planted network's only layer. Rows and dictionaries are the same with either
    setting.

    Example: visae reproduce superposition-in-curves --network inceptionv1-caffe --images photos/ --out runs/missing
    """

    usual_layers: ClassVar[dict[str, str]] = _CURVED

    setting: Literal["quick", "full"] = "quick"
    """quick measures on up to 30,000 held-out rows, beside toys that train for seconds; full on up to 100,000, beside
    toys of the papers' length."""

    def _result(self, network: Network, layers: Sequence[str], images: Images, budget: Budget) -> Path:
        superposition_in_curves(network, layers, images, self.out, budget, _SETTINGS[self.setting])
        return self.out / "superposition-in-curves.md"
