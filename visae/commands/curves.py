"""visae curves"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from visae._support.errors import VisaeError
from visae._support.paths import require_store
from visae.commands.options import File, Text, WeightsOptions, check_at_least, rows_beside

if TYPE_CHECKING:
    from visae.networks import Network
    from visae.sae import SAE


@dataclass(kw_only=True)
class CurvesCommand(WeightsOptions):
    """Sweep circles of every orientation over a layer's neurons and a dictionary's features, and draw their tuning.

    Example: visae curves --dictionary runs/topk8 --out runs/curves
    """

    out: Path
    """Folder for curves.png, the responses, curves.json and the nulls."""
    dictionary: File = None
    """Folder or file of a dictionary; without it, only the neurons of --network and --layer are swept."""
    network: Text = None
    """The network; without it, the dictionary's."""
    layer: Text = None
    """The layer; without it, the dictionary's."""
    rows: File = None
    """Folder written by visae capture, for the nulls. Without it: rows/ beside the dictionary, where visae run puts it;
    without both, there are no nulls."""
    second: File = None
    """The dictionary's second seed, in which its curve detectors are to be found again."""
    nulls: int = 3
    """Seeds of each null, random directions and data rows; 0 for none. visae run has others, which are trained."""
    stimulus: Literal["stroke", "filled"] = "stroke"
    """Circles as a dark stroke on light, or as dark discs."""

    def check(self) -> None:
        """Raise `VisaeError` for invalid options."""
        if self.dictionary is not None:
            self.check_dictionary(self.dictionary)
        elif not self.network or not self.layer:
            raise VisaeError("nothing to sweep: give --dictionary, or --network and --layer")
        if self.rows is not None:
            require_store(self.rows)
        check_at_least(0, nulls=self.nulls)
        if self.network:
            self.check_weights(self.network)

    def run(self) -> None:
        """Sweep, and print how many units are curve detectors, beside the nulls."""
        from visae.metrics import verdict
        from visae.run import sweep_units
        from visae.sae import load
        from visae.units import features, neurons

        sae = load(self.dictionary) if self.dictionary else None
        about = sae.about if sae else {}
        name, layer = self.network or about.get("network"), self.layer or about.get("layer")
        if not name or not layer:
            raise VisaeError(f"{self.dictionary} does not name its network; give --network and --layer")
        network, store = self.open_named(name), self._store()
        if sae is not None and store is not None and self.nulls:
            self._compare(network, layer, sae, store)
        else:
            units = [neurons(network, layer)] + ([features(network, layer, sae)] if sae else [])
            for curves in sweep_units(units, self.out, self.stimulus)[0]:
                print(
                    f"{curves.kind}: {curves.count} of {len(curves.tuning)} are curve detectors, "
                    f"largest gap {curves.max_gap:.1f} degrees"
                )
            if sae is not None:
                print(f"verdict: {verdict(sae.about)}")
                print("these counts are no evidence without nulls: give --rows, and --nulls 3")
        print(f"plot: {self.out / 'curves.png'}")

    def _store(self) -> Path | None:
        """The folder of rows, if one is given or lies beside the dictionary."""
        if self.rows is not None or self.dictionary is None:
            return self.rows
        try:
            return rows_beside(self.dictionary)
        except VisaeError:
            return None

    def _compare(self, network: "Network", layer: str, sae: "SAE", store: Path) -> None:
        from visae._support import files
        from visae.activations import Rows
        from visae.commands.printing import show_detectors
        from visae.held_out import HeldOut
        from visae.metrics import verdict
        from visae.nulls import FEATURES, fixed_nulls
        from visae.run import sweep_and_compare
        from visae.sae import load
        from visae.training import TrainingConfig

        rows = Rows(store)
        holdout, seed = HeldOut(rows).split_of(sae)
        training = TrainingConfig(rows_seen=1, batch=1, holdout=holdout, seed=seed)
        nulls = fixed_nulls(rows, sae, self.out / "nulls", self.nulls, training, network.device)
        seeds = [sae] if self.second is None else [sae, load(self.second)]
        compared = sweep_and_compare(network, layer, rows, {FEATURES: seeds, **nulls}, self.out, self.stimulus)
        compared["verdict"] = verdict(sae.about)
        files.write_json(self.out / "curves.json", {"schema": 1, **compared})
        show_detectors(compared)
