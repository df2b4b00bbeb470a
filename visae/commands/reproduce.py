"""Run a published result, and write a page with our numbers beside the paper's.

Each has options of its own, and runs without any but --out, in a few minutes: visae reproduce persian-rug --help.

Example: visae reproduce missing-curves --network inceptionv1-caffe --images photos/ --out runs/missing
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import tyro

from visae._support.errors import VisaeError
from visae._support.paths import require_images
from visae.commands.options import DeviceOptions, File, Text, WeightsOptions, open_small
from visae.papers.report import SettingsName

if TYPE_CHECKING:
    from visae.images import Images
    from visae.networks import Network
    from visae.training import Budget

# From the name of a paper to its command.
PAPERS = {
    "missing-curves": "visae.commands.reproduce:MissingCurvesCommand",
    "polysemantic": "visae.commands.reproduce:PolysemanticCommand",
    "persian-rug": "visae.commands.reproduce:PersianRugCommand",
    "bag-of-words": "visae.commands.reproduce:BagOfWordsCommand",
    "superposition-in-curves": "visae.commands.reproduce:SuperpositionInCurvesCommand",
}
L1 = 2.0  # `Budget.l1`
# The layers of the paper, and the branches that hold the curve families of mixed3a and mixed3b.
_LAYERS = {
    "planted": "mixed",
    "inceptionv1": "conv2d0,conv2d1,conv2d2,mixed3a,mixed3a_3x3,mixed3b,mixed3b_5x5",
}
# Those with many curve features.
_CURVED = {"planted": "mixed", "inceptionv1": "mixed3b_5x5"}


def show_page(page: Path) -> None:
    """Print a page, and where it is."""
    print(page.read_text())
    print(f"page: {page}")


@dataclass(kw_only=True)
class LayerPaper(WeightsOptions, ABC):
    """What results about layers share: a network, its layers, images, and dictionaries that are trained."""

    DEFAULT_LAYERS: ClassVar[dict[str, str]] = _LAYERS

    out: Path
    """Folder for the page, its plots and numbers; rows and dictionaries that it holds are not made again."""
    network: str = "planted"
    """planted, inceptionv1, inceptionv1-caffe, or torchvision:NAME, for which --layers is needed."""
    layers: Text = None
    """Layers, with commas between. Without it: those of the paper, and the branches that hold the curve families."""
    images: str = "leaves:600"
    """A folder of photographs, a text file with one path a line, or leaves:N for N dead-leaves images."""
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

    def check(self) -> None:
        """Raise `VisaeError` for options that cannot be right."""
        self.check_weights(self.network)
        require_images(self.images)
        if self._layers() is None:
            raise VisaeError(
                f"which layers of {self.network}? give --layers (visae networks {self.network} lists them)"
            )

    def run(self) -> None:
        """Reproduce, print the page, and print where the files are."""
        network = self.open_named(self.network)
        layers = [name.strip() for name in (self._layers() or "").split(",")]
        budget = self._budget()
        for layer in layers:
            # So that an impossible layer or setting is refused before anything is captured.
            budget.config(network.layer(layer).channels)
        show_page(self._reproduce(network, layers, open_small(self.images, self.seed), budget))

    def _layers(self) -> str | None:
        return self.layers or self.DEFAULT_LAYERS.get(self.network.partition(":")[0].removesuffix("-caffe"))

    def _budget(self) -> "Budget":
        from visae.training import default_budget

        return default_budget(self.network, self.k, self.width, self.epochs, self.lr, self.positions, self.seed)

    @abstractmethod
    def _reproduce(self, network: "Network", layers: Sequence[str], images: "Images", budget: "Budget") -> Path:
        """Run the reproduction; return its page."""


@dataclass(kw_only=True)
class MissingCurvesCommand(LayerPaper):
    """Gorton 2024: which curve orientations do neurons miss, and do features of SAEs, PCA, ICA or chance fill them?

    Without options it runs on the planted network, in a few minutes.

    Example: visae reproduce missing-curves --network inceptionv1-caffe --images photos/ --out runs/missing
    """

    l1: float = L1
    """L1 penalty of the ReLU SAE beside the TopK one, which is of the paper's kind."""

    def _budget(self) -> "Budget":
        return replace(super()._budget(), l1=self.l1)

    def _reproduce(self, network: "Network", layers: Sequence[str], images: "Images", budget: "Budget") -> Path:
        from visae.papers import missing_curves

        missing_curves.reproduce(network, layers, images, self.out, budget)
        return self.out / "report.md"


@dataclass(kw_only=True)
class PolysemanticCommand(LayerPaper):
    """Gorton 2024: which neurons do several things, and which features are these?

    It uses the rows and dictionaries of missing-curves if it is given the same folder.

    Example: visae reproduce polysemantic --network inceptionv1-caffe --images photos/ --out runs/missing
    """

    examples: Text = None
    """Other images, in which dataset examples are looked for. Without it: --images."""

    def check(self) -> None:
        """Raise `VisaeError` for options that cannot be right."""
        super().check()
        if self.examples is not None:
            require_images(self.examples)

    def _reproduce(self, network: "Network", layers: Sequence[str], images: "Images", budget: "Budget") -> Path:
        from visae.papers import polysemantic

        searched = open_small(self.examples, self.seed) if self.examples else None
        polysemantic.reproduce(network, layers, images, self.out, budget, searched)
        return self.out / "polysemantic.md"


@dataclass(kw_only=True)
class SuperpositionInCurvesCommand(LayerPaper):
    """The bridge: are curve and line features of a layer arranged as in the Persian rug, or as in the bag of words?

    It uses the rows and dictionaries of missing-curves if it is given the same folder. Without --layers: mixed3b_5x5,
    which has many curve features, or the planted network's only layer. Rows and dictionaries are the same with either
    setting.

    Example: visae reproduce superposition-in-curves --network inceptionv1-caffe --images photos/ --out runs/missing
    """

    DEFAULT_LAYERS: ClassVar[dict[str, str]] = _CURVED

    setting: SettingsName = "quick"
    """quick measures on up to 30,000 held-out rows, beside toy models that train for seconds; full on up to 100,000,
    beside toy models trained as long as the papers'."""

    def _reproduce(self, network: "Network", layers: Sequence[str], images: "Images", budget: "Budget") -> Path:
        from visae.papers import superposition_in_curves as paper

        paper.reproduce(network, layers, images, self.out, budget, paper.SETTINGS[self.setting])
        return self.out / "superposition-in-curves.md"


@dataclass(kw_only=True)
class ToyPaper(DeviceOptions):
    """What results about toy models share."""

    out: Path
    """Folder for the page, its plots and numbers."""
    setting: SettingsName = "quick"
    """quick takes a minute or two on two cores; full has the papers' sizes, for a GPU, or a night and more."""
    seed: int = 0
    """Decides data, first weights and shuffles."""


@dataclass(kw_only=True)
class PersianRugCommand(ToyPaper):
    """Cowsik et al. 2024: sparse, independent features. What loss and what symmetries come from sparsity alone?

    Trained models beside one constructed from a Hadamard matrix, the closed form for large ones, and the best linear
    map.

    Example: visae reproduce persian-rug --out runs/rug
    """

    def run(self) -> None:
        """Reproduce, print the page, and print where the files are."""
        from visae._support.devices import open_device
        from visae.papers import persian_rug as paper

        paper.reproduce(self.out, paper.SETTINGS[self.setting], self.seed, open_device(self.device))
        show_page(self.out / "persian-rug.md")


@dataclass(kw_only=True)
class BagOfWordsCommand(ToyPaper):
    """Prieto et al. 2026: correlated features. When does interference help, and what arranges features on a ring?

    Synthetic bags whose statistics are known exactly, and the words of a text; without --text one is made in which
    months, weekdays and topics co-occur in a known way.

    Example: visae reproduce bag-of-words --text book.txt --out runs/words
    """

    text: File = None
    """A text file (UTF-8)."""

    def check(self) -> None:
        """Raise `VisaeError` for a text that is not there."""
        if self.text is not None and not self.text.is_file():
            raise VisaeError(f"cannot read {self.text}: there is no such file")

    def run(self) -> None:
        """Reproduce, print the page, and print where the files are."""
        from visae._support.devices import open_device
        from visae.papers import bag_of_words as paper

        paper.reproduce(self.out, paper.SETTINGS[self.setting], self.text, self.seed, open_device(self.device))
        show_page(self.out / "bag-of-words.md")
