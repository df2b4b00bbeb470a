"""Reproduce a published result, and write a page with our numbers beside the paper's.

Each has its own options, and runs with --out alone in a few minutes: visae reproduce persian-rug --help.

Example: visae reproduce missing-curves --network inceptionv1-caffe --images photos/ --out runs/missing
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import tyro

from visae._support.errors import VisaeError
from visae._support.paths import require_images
from visae.commands.options import DeviceOptions, File, Text, WeightsOptions, open_small
from visae.papers.report import SettingsName
from visae.training._config import TrainingConfig

if TYPE_CHECKING:
    from visae.images import Images
    from visae.networks import Network
    from visae.training import Budget

# Each paper's command.
PAPERS = {
    "missing-curves": "visae.commands.reproduce:MissingCurvesCommand",
    "polysemantic": "visae.commands.reproduce:PolysemanticCommand",
    "persian-rug": "visae.commands.reproduce:PersianRugCommand",
    "bag-of-words": "visae.commands.reproduce:BagOfWordsCommand",
    "superposition-in-curves": "visae.commands.reproduce:SuperpositionInCurvesCommand",
}
L1 = 2.0  # `default_budget`
# The paper's layers, and the branches that contain the curve families of mixed3a and mixed3b.
_LAYERS = {
    "planted": "mixed",
    "inceptionv1": "conv2d0,conv2d1,conv2d2,mixed3a,mixed3a_3x3,mixed3b,mixed3b_5x5",
}
# Layers with many curve features.
_CURVED = {"planted": "mixed", "inceptionv1": "mixed3b_5x5"}


def show_page(page: Path) -> None:
    """Print a page and its path."""
    print(page.read_text())
    print(f"page: {page}")


@dataclass(kw_only=True)
class LayerPaper(WeightsOptions, ABC):
    """Options shared by results about layers: a network, its layers, images, and the dictionaries to train."""

    RENAMED: ClassVar[dict[str, str]] = {"--epochs": "--rows-seen"}
    DEFAULT_LAYERS: ClassVar[dict[str, str]] = _LAYERS
    KINDS: ClassVar[tuple[str, ...]] = ("mod",)

    out: Path
    """Folder for the page, its plots and numbers; rows and dictionaries already in it are reused."""
    network: str = "planted"
    """planted, inceptionv1, inceptionv1-caffe, or torchvision:NAME, which needs --layers."""
    layers: Text = None
    """Layers, separated by commas. Without it: the paper's, and the branches that contain the curve families."""
    images: str = "leaves:600"
    """A folder of photographs, a text file with one path per line, or leaves:N for N dead-leaves images."""
    positions: int = 64
    """Positions to keep per image."""
    width: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 8 times the channels; planted: 128)")
    ] = None
    """Features."""
    k: Annotated[
        int | None,
        tyro.conf.arg(
            metavar="INT",
            help_behavior_hint="(default: mod, online: channels / 24, topk: channels / 12; planted: 2)",
        ),
    ] = None
    """Features that fire at one position: for topk at most, for mod and online on average."""
    rows_seen: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: visae train's; planted: 2000000)")
    ] = None
    """Rows to train on, each counted as often as it is seen."""
    lr: float = TrainingConfig.lr
    """Adam's learning rate, for relu and topk."""
    seed: int = 0
    """Seeds the leaves, positions, held-out images, row order and initial directions."""

    def check(self) -> None:
        """Raise `VisaeError` for invalid options."""
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
            # Reject an impossible layer or setting before anything is captured.
            for kind in self.KINDS:
                budget.config(network.layer(layer).channels, kind)
        show_page(self._reproduce(network, layers, open_small(self.images, self.seed), budget))

    def _layers(self) -> str | None:
        return self.layers or self.DEFAULT_LAYERS.get(self.network.partition(":")[0].removesuffix("-caffe"))

    def _budget(self) -> "Budget":
        from visae.training import default_budget

        return default_budget(*self._settings())

    def _settings(self) -> tuple[str, int | None, int | None, int | None, float, int, int]:
        """The first arguments of `default_budget`."""
        return self.network, self.k, self.width, self.rows_seen, self.lr, self.positions, self.seed

    @abstractmethod
    def _reproduce(self, network: "Network", layers: Sequence[str], images: "Images", budget: "Budget") -> Path:
        """Run the reproduction; return its page."""


@dataclass(kw_only=True)
class MissingCurvesCommand(LayerPaper):
    """Gorton 2024: which curve orientations do neurons miss, and do features of dictionaries fill the gaps?

    Compares four kinds of dictionary, PCA and ICA with nulls, three seeds of each. A feature in a gap counts if it
    helps, is found again under another seed, and photographs agree. Without options it runs on the planted network, in
    a few minutes; on others --rows-seen shortens the training.

    Example: visae reproduce missing-curves --network inceptionv1-caffe --images photos/ --out runs/missing
    """

    KINDS: ClassVar[tuple[str, ...]] = ("mod", "online", "relu", "topk")

    l1: float = L1
    """L1 penalty of relu, the paper's kind."""

    def _budget(self) -> "Budget":
        from visae.training import default_budget

        return default_budget(*self._settings(), self.l1)

    def _reproduce(self, network: "Network", layers: Sequence[str], images: "Images", budget: "Budget") -> Path:
        from visae.papers import missing_curves

        missing_curves.reproduce(network, layers, images, self.out, budget)
        return self.out / "report.md"


@dataclass(kw_only=True)
class PolysemanticCommand(LayerPaper):
    """Gorton 2024: which neurons are polysemantic, and which features do they mix?

    Compares the features of a dictionary with those of its second seed and of nulls, three seeds of each. Reuses the
    rows and dictionaries of missing-curves if given the same folder.

    Example: visae reproduce polysemantic --network inceptionv1-caffe --images photos/ --out runs/missing
    """

    examples: Text = None
    """Other images to search for dataset examples. Without it: --images."""

    def check(self) -> None:
        """Raise `VisaeError` for invalid options."""
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
    """The bridge: are a layer's curve and line features arranged as in the Persian rug, or as in the bag of words?

    Reuses the rows and dictionaries of missing-curves if given the same folder. Without --layers: mixed3b_5x5, which
    has many curve features, or the planted network's only layer. Rows and dictionaries are the same in either setting.

    Example: visae reproduce superposition-in-curves --network inceptionv1-caffe --images photos/ --out runs/missing
    """

    DEFAULT_LAYERS: ClassVar[dict[str, str]] = _CURVED
    KINDS: ClassVar[tuple[str, ...]] = ("topk",)

    setting: SettingsName = "quick"
    """quick measures up to 30,000 held-out rows, beside toy models trained for seconds; full measures up to 100,000,
    beside toy models trained as long as the papers'."""

    def _reproduce(self, network: "Network", layers: Sequence[str], images: "Images", budget: "Budget") -> Path:
        from visae.papers import superposition_in_curves as paper

        paper.reproduce(network, layers, images, self.out, budget, paper.SETTINGS[self.setting])
        return self.out / "superposition-in-curves.md"


@dataclass(kw_only=True)
class ToyPaper(DeviceOptions):
    """Options shared by results about toy models."""

    out: Path
    """Folder for the page, its plots and numbers."""
    setting: SettingsName = "quick"
    """quick takes a minute or two on two cores; full uses the papers' sizes, for a GPU, or a night or more on a CPU."""
    seed: int = 0
    """Seeds the data, initial weights and shuffles."""


@dataclass(kw_only=True)
class PersianRugCommand(ToyPaper):
    """Cowsik et al. 2024: sparse, independent features. Which loss and which symmetries follow from sparsity alone?

    Compares trained models with one constructed from a Hadamard matrix, the closed form for large ones, and the best
    linear map.

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

    Uses synthetic bags whose statistics are known exactly, and the words of a text; without --text, generates one in
    which months, weekdays and topics co-occur in a known way.

    Example: visae reproduce bag-of-words --text book.txt --out runs/words
    """

    text: File = None
    """A text file (UTF-8)."""

    def check(self) -> None:
        """Raise `VisaeError` for a missing text file."""
        if self.text is not None and not self.text.is_file():
            raise VisaeError(f"cannot read {self.text}: there is no such file")

    def run(self) -> None:
        """Reproduce, print the page, and print where the files are."""
        from visae._support.devices import open_device
        from visae.papers import bag_of_words as paper

        paper.reproduce(self.out, paper.SETTINGS[self.setting], self.text, self.seed, open_device(self.device))
        show_page(self.out / "bag-of-words.md")
