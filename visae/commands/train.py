"""visae train"""

from dataclasses import dataclass
from pathlib import Path

import visae
from visae._support.errors import VisaeError
from visae._support.tables import measured_on, show_figures
from visae.activations import Rows
from visae.commands.options import File, SAEOptions, Text, TrainingOptions
from visae.evaluation import evaluate, evaluated
from visae.held_out import HeldOut
from visae.training import read_sweep, train, train_many


@dataclass(kw_only=True)
class Train(TrainingOptions, SAEOptions):
    """Train a sparse autoencoder on the rows of a store, or a whole sweep of them in one pass over the rows.

    Stopped at any moment and called again, it goes on from its last checkpoint.

    One: visae train --rows rows/ --sae topk --k 8 --width 768 --out runs/topk8

    Many: visae train --rows rows/ --recipe sweep.toml --out runs/sweep

    A sweep is a TOML file with tables [[sae]], in which a setting may be a list; every combination is trained. SAEs of
    one shape share their products, so many cost less than as many runs:

        [training]            # optional; the options below, which it overrules
        epochs = 16

        [[sae]]
        kind = "topk"
        width = 768
        k = [2, 4, 8, 16]
        seed = [0, 1]

        [[sae]]
        kind = "relu"
        l1 = [5, 10, 20]
    """

    rows: Path
    """Folder that visae capture made."""
    out: Path
    """Folder for sae.safetensors and log.jsonl; of a sweep, for a folder of each dictionary, evaluation.json and
    frontier.png."""
    recipe: File = None
    """A sweep. The options of a single SAE are then left out."""
    seed: int = 0
    """Decides held-out images, the order of rows and, but for a sweep, the first directions."""
    device: Text = None
    """cpu, cuda, ... Without it: CUDA where there is one."""

    def run(self) -> None:
        """Train, and print the figures."""
        if self.recipe is not None:
            self._sweep(self.recipe)
            return
        sae = train(Rows(self.rows), self.open_recipe(), self.out, self.open_training(self.seed), self.device)
        figures = sae.about["figures"]
        print(
            f"{sae.config.kind}, {sae.width:,} features: explained variance {figures['explained_variance']:.4f} on "
            f"{measured_on(sae.about['held_out_images'])}, L0 {figures['l0']:.2f}, "
            f"dead {figures['dead_fraction']:.1%}; in {self.out}"
        )

    def _sweep(self, recipe: Path) -> None:
        if self.given() or self.sae != SAEOptions.sae:
            raise VisaeError(f"--recipe names the SAEs, and so do --sae and its settings; put them all into {recipe}")
        members, training = read_sweep(recipe, self.open_training(self.seed))
        rows = Rows(self.rows)
        saes = train_many(rows, members, self.out, training, self.device)
        name = rows.settings["network"]
        # The truth of the planted network costs nothing; what visae evaluate found with images is kept.
        network = visae.network(name, device=self.device) if name.startswith("planted") else None
        found = evaluated(saes, rows, self.out) or evaluate(saes, HeldOut(rows, network), self.out)
        show_figures(found, self.out)
