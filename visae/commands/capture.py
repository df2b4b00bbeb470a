"""visae capture"""

from dataclasses import dataclass
from pathlib import Path

from visae._support.errors import VisaeError
from visae.commands.options import CaptureOptions, NetworkOptions


@dataclass(kw_only=True)
class CaptureCommand(CaptureOptions, NetworkOptions):
    """Read a network's activations at chosen positions of many images into a store of rows.

    An interrupted capture resumes after the last complete shard when called again.

    Example: visae capture --network inceptionv1-caffe --layer mixed3b_5x5 --images photos/ --out rows/
    """

    layer: tuple[str, ...]
    """One layer, or several to read in one pass (visae networks NAME lists them)."""
    out: Path
    """Folder for the store; with several layers, each gets its own subfolder."""

    def check(self) -> None:
        """Raise `VisaeError` for invalid options."""
        super().check()
        if not self.layer:
            raise VisaeError("--layer needs a value, one layer or more")
        self.check_images()

    def run(self) -> None:
        """Capture, and print a line per store."""
        from visae.activations import capture_layers

        network = self.open_network()
        for layer in self.layer:
            network.layer(layer)
        folders = (
            {layer: self.out / layer for layer in self.layer} if len(self.layer) > 1 else {self.layer[0]: self.out}
        )
        positions = self.open_positions()
        stores = capture_layers(network, folders, self.open_images(), positions, max_disk=self.max_bytes())
        for layer, rows in stores.items():
            print(f"{layer}: {len(rows):,} rows of {rows.dim} from {rows.images_read:,} images in {rows.folder}")
