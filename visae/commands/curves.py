"""visae curves"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import visae
from visae._support.errors import VisaeError
from visae.commands.options import File, Text
from visae.run import sweep_units
from visae.sae import load
from visae.units import features, neurons


@dataclass(kw_only=True)
class Curves:
    """Sweep circles of every orientation over a layer's neurons and a dictionary's features, and draw their tuning.

    Example: visae curves --dictionary runs/topk8 --out runs/curves
    """

    out: Path
    """Folder for curves.png and the responses."""
    dictionary: File = None
    """Folder or file of a dictionary; without it, only the neurons of --network and --layer are swept."""
    network: Text = None
    """The network; without it, the one that the dictionary was made for."""
    layer: Text = None
    """The layer; without it, the one that the dictionary was made for."""
    weights: File = None
    """File of weights, or a folder that holds it. Without it: $VISAE_WEIGHTS, then the cache (see visae fetch)."""
    device: Text = None
    """cpu, cuda, ... Without it: CUDA where there is one."""
    stimulus: Literal["stroke", "filled"] = "stroke"
    """Circles as a dark stroke on light, or as dark discs."""

    def run(self) -> None:
        """Sweep, and print what was found."""
        sae = load(self.dictionary) if self.dictionary else None
        about = sae.about if sae else {}
        name, layer = self.network or about.get("network"), self.layer or about.get("layer")
        if not name or not layer:
            raise VisaeError("nothing to sweep: give --dictionary, or --network and --layer")
        network = visae.network(name, self.weights, self.device)
        units = [neurons(network, layer)] + ([features(network, layer, sae)] if sae else [])
        for found in sweep_units(units, self.out, self.stimulus):
            print(
                f"{found.kind}: {found.count} of {len(found.tuning)} are curve detectors, "
                f"largest gap {found.max_gap:.1f} degrees"
            )
        print(f"plot: {self.out / 'curves.png'}")
