"""visae curves"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from visae._support.errors import VisaeError
from visae.commands.options import File, Text, WeightsOptions


@dataclass(kw_only=True)
class CurvesCommand(WeightsOptions):
    """Sweep circles of every orientation over a layer's neurons and a dictionary's features, and draw their tuning.

    Example: visae curves --dictionary runs/topk8 --out runs/curves
    """

    out: Path
    """Folder for curves.png and the responses."""
    dictionary: File = None
    """Folder or file of a dictionary; without it, only the neurons of --network and --layer are swept."""
    network: Text = None
    """The network; without it, the dictionary's."""
    layer: Text = None
    """The layer; without it, the dictionary's."""
    stimulus: Literal["stroke", "filled"] = "stroke"
    """Circles as a dark stroke on light, or as dark discs."""

    def check(self) -> None:
        """Raise `VisaeError` for invalid options."""
        if self.dictionary is not None:
            self.check_dictionary(self.dictionary)
        elif not self.network or not self.layer:
            raise VisaeError("nothing to sweep: give --dictionary, or --network and --layer")
        if self.network:
            self.check_weights(self.network)

    def run(self) -> None:
        """Sweep, and print how many units are curve detectors."""
        from visae.run import sweep_units
        from visae.sae import load
        from visae.units import features, neurons

        sae = load(self.dictionary) if self.dictionary else None
        about = sae.about if sae else {}
        name, layer = self.network or about.get("network"), self.layer or about.get("layer")
        if not name or not layer:
            raise VisaeError(f"{self.dictionary} does not name its network; give --network and --layer")
        network = self.open_named(name)
        units = [neurons(network, layer)] + ([features(network, layer, sae)] if sae else [])
        for curves in sweep_units(units, self.out, self.stimulus)[0]:
            print(
                f"{curves.kind}: {curves.count} of {len(curves.tuning)} are curve detectors, "
                f"largest gap {curves.max_gap:.1f} degrees"
            )
        print(f"plot: {self.out / 'curves.png'}")
