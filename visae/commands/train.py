"""visae train"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar

from visae._support.errors import VisaeError
from visae._support.paths import require_store
from visae._support.progress import say
from visae.commands.options import DeviceOptions, File, TrainingOptions
from visae.commands.sae_options import KINDS, SAEOptions
from visae.training._config import TrainingConfig
from visae.training._sweep import read_sweep


@dataclass(kw_only=True)
class TrainCommand(TrainingOptions, SAEOptions, DeviceOptions):
    """Train a sparse autoencoder on stored rows, or a whole sweep of them in one pass over the rows.

    An interrupted run resumes from its last checkpoint when called again.

    One: visae train --rows rows/ --sae topk --k 8 --width 768 --out runs/topk8

    Many: visae train --rows rows/ --sweep sweep.toml --out runs/sweep

    A sweep is a TOML file with [[sae]] tables, in which a setting may be a list; every combination is trained. SAEs of
    one shape share matrix products, so a sweep costs less than separate runs:

        [training]            # optional; the options below, which it overrides
        rows_seen = 8_000_000

        [[sae]]
        kind = "topk"
        width = 768
        k = [2, 4, 8, 16]
        seed = [0, 1]

        [[sae]]
        kind = "relu"
        l1 = [5, 10, 20]
    """

    RENAMED: ClassVar[dict[str, str]] = {"--recipe": "--sweep", "--rouse": "--revive", "--epochs": "--rows-seen"}

    rows: Path
    """Folder written by visae capture."""
    out: Path
    """Folder for sae.safetensors and log.jsonl; for a sweep, a folder per dictionary, evaluation.json and
    frontier.png."""
    sweep: File = None
    """A sweep file. Leave out the options of a single SAE."""
    seed: int = 0
    """Seeds the held-out images, row order and, except for a sweep, the initial directions."""

    def check(self) -> None:
        """Raise `VisaeError` for invalid options."""
        require_store(self.rows)
        if self.sweep is None:
            self.check_sae()
        elif self.is_given():
            raise VisaeError(f"--sweep and --sae both define what to train; put all settings into {self.sweep}")
        else:
            read_sweep(self.sweep, self.open_training(self.seed), KINDS)
        self.open_training(self.seed)

    def run(self) -> None:
        """Train, and print the metrics."""
        if self.sweep is not None:
            self._train_sweep(self.sweep)
            return
        from visae.commands.printing import measured_on
        from visae.metrics import verdict
        from visae.training import train

        sae = train(self.rows, self.open_config(), self.out, self.open_training(self.seed), self.device)
        metrics = sae.about["metrics"]
        print(
            f"{sae.config.kind}, {sae.width:,} features: explained variance {metrics['explained_variance']:.4f} on "
            f"{measured_on(sae.about['held_out_images'])}, L0 {metrics['l0']:.2f}, "
            f"dead {metrics['dead_fraction']:.1%}; in {self.out}"
        )
        print(verdict(sae.about))

    def _name_ignored(self, training: TrainingConfig, sweep: Path) -> None:
        """Say which options are without effect, since the sweep's table [training] overrides them."""
        given = {field.name: getattr(self, field.name) for field in fields(TrainingConfig)}
        ignored = [
            f"--{field.name.replace('_', '-')} {given[field.name]} ({getattr(training, field.name)} there)"
            for field in fields(TrainingConfig)
            if given[field.name] not in (field.default, getattr(training, field.name))
        ]
        if ignored:
            say(f"train: [training] in {sweep} overrides {', '.join(ignored)}")

    def _train_sweep(self, sweep: Path) -> None:
        import visae
        from visae.activations import Rows
        from visae.commands.printing import show_metrics
        from visae.evaluation import earlier_evaluation, evaluate
        from visae.held_out import HeldOut
        from visae.training import train_many

        specs, training = read_sweep(sweep, self.open_training(self.seed))
        self._name_ignored(training, sweep)
        rows = Rows(self.rows)
        saes = train_many(rows, specs, self.out, training, self.device)
        name = rows.settings["network"]
        # Planted ground truth costs nothing to compute; metrics that visae evaluate measured on images are kept.
        network = visae.network(name, device=self.device) if name.startswith("planted") else None
        evaluated = earlier_evaluation(saes, rows, self.out) or evaluate(saes, HeldOut(rows, network), self.out)
        show_metrics(evaluated, f"{name}, {rows.settings['layer']}", self.out)
