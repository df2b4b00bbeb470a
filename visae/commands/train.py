"""visae train"""

from dataclasses import dataclass
from pathlib import Path

from visae.activations import Rows
from visae.commands.options import SAEOptions, Text, TrainingOptions
from visae.table import measured_on
from visae.training import train


@dataclass(kw_only=True)
class Train(TrainingOptions, SAEOptions):
    """Train a sparse autoencoder on the rows of a store.

    Stopped at any moment and called again, it goes on from its last checkpoint.

    Example: visae train --rows rows/ --sae topk --k 8 --width 768 --out runs/topk8
    """

    rows: Path
    """Folder that visae capture made."""
    out: Path
    """Folder for sae.safetensors, log.jsonl and the checkpoint."""
    seed: int = 0
    """Decides held-out images, the order of rows and the first directions."""
    device: Text = None
    """cpu, cuda, ... Without it: CUDA where there is one."""

    def run(self) -> None:
        """Train, and print the figures."""
        sae = train(Rows(self.rows), self.open_recipe(), self.out, self.open_training(self.seed), self.device)
        figures = sae.about["figures"]
        print(
            f"{sae.recipe.kind}, {sae.width:,} features: explained variance {figures['explained_variance']:.4f} on "
            f"{measured_on(sae.about['held_out_images'])}, L0 {figures['l0']:.2f}, "
            f"dead {figures['dead_fraction']:.1%}; in {self.out}"
        )
