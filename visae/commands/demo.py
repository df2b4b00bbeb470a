"""visae demo"""

from dataclasses import dataclass, replace
from pathlib import Path

import visae
from visae._support.tables import show, show_places
from visae.activations import Positions
from visae.atlas import Contents
from visae.commands.atlas import write_atlas
from visae.images import evenly_spaced, open_images
from visae.run import run

IMAGES, SIZE = 1000, 128
SHOWN, STEPS = 256, 64  # images in the atlas, and steps of each picture
RECIPE = visae.TopK(width=128, k=2)
TRAINING = visae.TrainingConfig(epochs=60, batch=1024, lr=3e-3)
_LAYER = "mixed"


@dataclass(kw_only=True)
class Demo:
    """Take the planted network apart: no downloads, some minutes, and the truth is known.

    70 built features (curves, lines, edges, colour spots) are mixed into 48 neurons; a TopK SAE learns from dead-leaves
    images to tell them apart again.
    """

    out: Path
    """Folder for rows/, dictionary/, curves/, report.json, and atlas/, whose index.html shows every unit."""
    seed: int = 0
    """Decides the images, the positions, and the SAE's start."""

    def run(self) -> None:
        """Run, and print the report."""
        network, images = visae.network("planted"), open_images(f"leaves:{IMAGES}", crop=SIZE, seed=self.seed)
        report = run(
            network,
            _LAYER,
            images,
            RECIPE,
            self.out,
            Positions(seed=self.seed),
            replace(TRAINING, seed=self.seed),
        )
        show(report)
        atlas = write_atlas(network, evenly_spaced(images, SHOWN), self.out, STEPS, Contents(seed=self.seed))
        show_places(self.out, atlas)
