"""visae refine"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from visae._support.errors import VisaeError
from visae._support.paths import refuse_folder_of_dictionary, require_dictionary, require_store
from visae.commands.options import DeviceOptions, File, rows_beside


@dataclass(kw_only=True)
class RefineCommand(DeviceOptions):
    """Encode a trained dictionary by pursuit over its own decoder, which usually explains more at the same L0.

    Nothing is trained: directions and origin stay. The result is a dictionary that every command takes; pursuit is
    slower than an encoder. `visae evaluate` shows for every SAE what its refinement would explain.

    Example: visae refine runs/topk8 --rows rows/ --out runs/topk8-refined
    """

    dictionary: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DICT")]
    """The folder or file of a dictionary."""
    out: Path
    """Folder for sae.safetensors."""
    rows: File = None
    """Folder written by visae capture, whose training rows set how many features fire. Without it: rows/ beside the
    dictionary."""
    l0: Annotated[float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(optional)")] = None
    """Features that fire at a position, on average; without it, as many as with the dictionary's own encoder."""

    def check(self) -> None:
        """Raise `VisaeError` for missing paths, and for an L0 below 1."""
        require_dictionary(self.dictionary)
        if self.rows is not None:
            require_store(self.rows)
        refuse_folder_of_dictionary(self.out, self.dictionary)
        if self.l0 is not None and not self.l0 >= 1:
            raise VisaeError(f"--l0 is {self.l0:g}; a pursuit needs at least 1 feature on average")

    def run(self) -> None:
        """Refine, and print what both explain."""
        from visae._support import files
        from visae._support.devices import open_device
        from visae.activations import Rows
        from visae.held_out import held_out_rows, training_sample
        from visae.metrics import fidelity, neurons_curve, summary, verdict
        from visae.sae import load, refined, save
        from visae.sae._dictionary import FILE

        sae = load(self.dictionary, open_device(self.device))
        rows = Rows(self.rows or rows_beside(self.dictionary))
        pursuit = refined(sae, training_sample(sae, rows), self.l0)
        before = vars(fidelity(sae, held_out_rows(sae, rows)))
        after = summary(pursuit, held_out_rows(sae, rows), neurons_curve(held_out_rows(sae, rows)))
        pursuit.about["metrics"] = files.without_nan(after)
        save(pursuit, self.out / FILE)
        for name, metrics in ((sae.config.kind, before), ("refined", after)):
            print(f"{name:<12} explained variance {metrics['explained_variance']:.4f} at an L0 of {metrics['l0']:.2f}")
        print(f"verdict:     {verdict(pursuit.about)}")
        print(f"dictionary:  {self.out}")
