"""visae distil"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from visae._support.paths import refuse_folder_of_dictionary, require_dictionary, require_store
from visae.commands.options import DeviceOptions, File, check_at_least, rows_beside
from visae.training._config import TrainingConfig


@dataclass(kw_only=True)
class DistilCommand(DeviceOptions):
    """Train an encoder of a few steps for a dictionary whose features are found by pursuit.

    A pursuit selects features one by one, as many steps as features fire. The distilled encoder takes a fixed number of
    steps, each of which chooses several candidates by what it learned from the pursuit. Features keep their numbers and
    directions: anything made with the dictionary holds for the distilled one. What that costs is printed, and is in
    the file: explained variance of both on held-out images, how far the features that fire agree, and rows a second. A
    dictionary with an encoder of its own is taught by a pursuit over its decoder, as in visae refine.

    On a CPU a pursuit of few features is fast itself: look at the rows a second before using the distilled one.

    An interrupted run resumes from its last checkpoint when called again.

    Example: visae distil runs/mod4 --rows rows/ --steps 2 --out runs/mod4-distilled
    """

    dictionary: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DICT")]
    """The folder or file of a dictionary: the teacher."""
    out: Path
    """Folder for sae.safetensors and log.jsonl."""
    rows: File = None
    """Folder written by visae capture, of the dictionary's layer. Without it: rows/ beside the dictionary."""
    steps: int = 2
    """Steps of the encoder: more are slower, and nearer to the pursuit."""
    candidates: int = 8
    """Features that each step chooses, of which a small pursuit keeps a few: also slower, and nearer."""
    rows_seen: int = TrainingConfig.rows_seen
    """Rows to train on, each counted as often as it is seen; fewer if the loss on held-out rows stops falling."""
    batch: int = TrainingConfig.batch
    """Rows per step of training."""
    lr: float = TrainingConfig.lr
    """Adam's peak learning rate."""

    def check(self) -> None:
        """Raise `VisaeError` for missing paths and for options out of range."""
        require_dictionary(self.dictionary)
        if self.rows is not None:
            require_store(self.rows)
        check_at_least(1, steps=self.steps, candidates=self.candidates)
        TrainingConfig(self.rows_seen, self.batch, self.lr)
        refuse_folder_of_dictionary(self.out, self.dictionary)

    def run(self) -> None:
        """Distil, and print what both explain."""
        from visae.activations import Rows
        from visae.sae import load
        from visae.training import distil
        from visae.training._distil import training_beside

        rows = Rows(self.rows or rows_beside(self.dictionary))
        training = training_beside(load(self.dictionary), rows)
        training = replace(training, rows_seen=self.rows_seen, batch=self.batch, lr=self.lr)
        sae = distil(self.dictionary, rows, self.out, self.steps, self.candidates, training, self.device)
        figures = sae.about["distilled"]
        for name, prefix in (("pursuit", "teacher_"), ("distilled", "")):
            print(
                f"{name:<12} explained variance {figures[f'{prefix}explained_variance']:.4f} at an L0 of "
                f"{figures[f'{prefix}l0']:.2f}, {figures[f'{prefix}rows_per_second']:,.0f} rows/s"
            )
        print(f"the same features fire: {figures['agreement']:.1%} (F1)")
        print(f"dictionary:  {self.out}")
