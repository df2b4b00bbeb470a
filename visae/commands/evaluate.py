"""visae evaluate"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from visae._support.errors import VisaeError
from visae._support.paths import require_images, require_store
from visae.commands.options import File, ImageSizeOptions, Text, WeightsOptions, check_at_least, rows_beside

if TYPE_CHECKING:
    from visae.activations import Rows
    from visae.networks import Network


@dataclass(kw_only=True)
class EvaluateCommand(ImageSizeOptions, WeightsOptions):
    """Print and write every metric of a dictionary, or of a whole sweep, on images it was not trained on.

    Explained variance, beside that of the neurons at the same L0; description length, the bits a row at one error;
    features that help, fire often, or never; stability over seeds if a sweep has several, beside that of chance;
    recovery of planted features; and, with --images, the loss recovered when the reconstruction replaces the layer.
    evaluation.json has more: normalised MSE, cosine, reconstruction bias gamma, the parts of each figure.

    Example: visae evaluate runs/sweep --rows rows/ --images photos/
    """

    path: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PATH")]
    """Folder of a dictionary, or a folder of such folders."""
    rows: File = None
    """Folder written by visae capture: the training rows, of which the held-out ones are used, or other rows of the
    layer. Without it: rows/ beside the dictionary, where visae run puts it."""
    images: Text = None
    """Images for loss recovered, and for the F1 of planted features: a folder, a list, or leaves:N; training images are
    skipped."""
    count: int = 128
    """Maximum number of images."""
    seed: int = 0
    """Seeds the leaves; a seed other than the capture's gives fresh ones."""

    def check(self) -> None:
        """Raise `VisaeError` for invalid options."""
        check_at_least(1, count=self.count)
        if not self.path.exists():
            raise VisaeError(f"{self.path} does not exist; give the folder of a dictionary or of a sweep")
        if self.rows is not None:
            require_store(self.rows)
        if self.images is not None:
            require_images(self.images)

    def run(self) -> None:
        """Evaluate, and print a table."""
        from visae._support.devices import open_device
        from visae.activations import Rows
        from visae.commands.printing import show_metrics
        from visae.evaluation import evaluate, find_dictionaries
        from visae.held_out import HeldOut
        from visae.images import open_images

        saes = find_dictionaries(self.path, open_device(self.device))
        rows = Rows(self.rows or rows_beside(self.path))
        out = self.path if self.path.is_dir() else self.path.parent
        images = open_images(self.images, self.resize, self.crop, self.seed) if self.images else None
        held_out = HeldOut(rows, self._open_network(rows), images, self.count)
        title = f"{rows.settings['network']}, {rows.settings['layer']}"
        show_metrics(evaluate(saes, held_out, out), title, out)

    def _open_network(self, rows: "Rows") -> "Network | None":
        """The network the rows were read from, if a metric needs it; the planted one costs nothing."""
        name = rows.settings["network"]
        if self.images is None and not name.startswith("planted"):
            return None
        network = self.open_named(name)
        if network.digest != rows.settings["weights"]:
            raise VisaeError(
                f"the rows were read from {name} with weights {rows.settings['weights'][:12]}, "
                f"but these are {network.digest[:12]}; give the weights that were used"
            )
        return network
