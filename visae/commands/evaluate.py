"""visae evaluate"""

from dataclasses import dataclass
from pathlib import Path

import tyro

import visae
from visae._support.devices import open_device
from visae._support.errors import VisaeError
from visae._support.tables import show_figures
from visae.activations import Rows
from visae.commands.options import File, Text, rows_beside
from visae.evaluation import evaluate, find_dictionaries
from visae.held_out import HeldOut
from visae.images import Images, open_images
from visae.networks import Network


@dataclass(kw_only=True)
class Evaluate:
    """Print and write the figures of a dictionary, or of a whole sweep, on images that it was not trained on.

    Explained variance, normalised MSE, L0, density, dead features, reconstruction bias gamma, cosine; stability over
    seeds where a sweep has several; recovery where the truth is planted; and, with --images, loss recovered: the
    reconstruction put into the network in the place of the layer.

    Example: visae evaluate runs/sweep --rows rows/ --images photos/
    """

    place: tyro.conf.Positional[Path]
    """Folder of a dictionary, or a folder of such folders."""
    rows: File = None
    """Folder that visae capture made: the rows trained on, of which those held out are used, or others of the layer.
    Without it: rows/ beside the dictionary, as visae run leaves it."""
    images: Text = None
    """For loss recovered, and F1 where the truth is planted: a folder, a list, or leaves:N; those trained on are left
    out."""
    count: int = 128
    """Images to use of those, at most."""
    resize: int = 256
    """px to which an image's short side is brought."""
    crop: int = 224
    """px, side of the square cut from the middle; the size of leaves."""
    seed: int = 0
    """Decides leaves; another than that of the capture gives fresh ones."""
    weights: File = None
    """File of weights, or a folder that holds it. Without it: $VISAE_WEIGHTS, then the cache (see visae fetch)."""
    device: Text = None
    """cpu, cuda, ... Without it: CUDA where there is one."""

    def run(self) -> None:
        """Evaluate, and print a table."""
        if self.count < 1:
            raise VisaeError(f"--count is {self.count}; it must be at least 1")
        saes = find_dictionaries(self.place, open_device(self.device))
        rows = Rows(self.rows or rows_beside(self.place))
        out = self.place if self.place.is_dir() else self.place.parent
        images = open_images(self.images, self.resize, self.crop, self.seed) if self.images else None
        found = evaluate(saes, HeldOut(rows, self._network(rows, images), images, self.count), out)
        show_figures(found, out)

    def _network(self, rows: Rows, images: Images | None) -> Network | None:
        """The network that the rows are of, where a figure needs it: the planted one costs nothing."""
        name = rows.settings["network"]
        if images is None and not name.startswith("planted"):
            return None
        network = visae.network(name, self.weights, self.device)
        if network.digest != rows.settings["weights"]:
            raise VisaeError(
                f"the rows were read from {name} with weights {rows.settings['weights'][:12]}, "
                f"these are {network.digest[:12]}; give the weights that were used"
            )
        return network
