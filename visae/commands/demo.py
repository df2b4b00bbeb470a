"""visae demo"""

from dataclasses import dataclass, replace
from pathlib import Path

from visae.training._config import TrainingConfig

IMAGES, SIZE = 1000, 128
ATLAS_IMAGES, RENDER_STEPS = 256, 64
WIDTH, K = 128, 2
TRAINING = TrainingConfig(rows_seen=3_500_000, batch=1024, lr=3e-3)
_LAYER = "mixed"


@dataclass(kw_only=True)
class DemoCommand:
    """Take the planted network apart: no downloads, a few minutes, and a known ground truth.

    70 built features (curves, lines, edges, colour spots) are mixed into 48 neurons; a dictionary learns to separate
    them again from dead-leaves images.
    """

    out: Path
    """Folder for rows/, dictionary/, curves/, report.json, and atlas/, whose index.html shows every unit."""
    seed: int = 0
    """Seeds the images, the positions and the SAE's initial directions."""

    def run(self) -> None:
        """Run, and print the report."""
        import visae
        from visae.activations import Positions
        from visae.atlas import AtlasConfig
        from visae.commands.atlas import write_atlas
        from visae.commands.printing import show_paths, show_run
        from visae.images import evenly_spaced, open_images
        from visae.run import run
        from visae.sae._mod import MOD

        network, images = visae.network("planted"), open_images(f"leaves:{IMAGES}", crop=SIZE, seed=self.seed)
        config, training = MOD(width=WIDTH, k=K), replace(TRAINING, seed=self.seed)
        show_run(run(network, _LAYER, images, config, self.out, Positions(seed=self.seed), training))
        contents = AtlasConfig(seed=self.seed)
        atlas = write_atlas(network, evenly_spaced(images, ATLAS_IMAGES), self.out, RENDER_STEPS, contents)
        show_paths(self.out, atlas)
