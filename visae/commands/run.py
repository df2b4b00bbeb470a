"""visae run"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from visae.commands.options import ImageOptions, NetworkOptions, SAEOptions, TrainingOptions
from visae.run import run
from visae.table import show


@dataclass(kw_only=True)
class Run(TrainingOptions, SAEOptions, ImageOptions, NetworkOptions):
    """Capture, train and curves in one: take a layer of a network apart, and report what was found.

    Example: visae run --network inceptionv1-caffe --layer mixed3b_5x5 --images photos/ --k 8 --width 768 --out runs/3b
    """

    layer: str
    """The layer to take apart (visae networks NAME lists them)."""
    out: Path
    """Folder for rows/, dictionary/, curves/ and report.json; called again, finished steps are not done again."""
    stimulus: Literal["stroke", "filled"] = "stroke"
    """Circles of the sweep: a dark stroke on light, or dark discs."""

    def run(self) -> None:
        """Run, and print the report."""
        recipe, training = self.open_recipe(), self.open_training(self.seed)
        network = self.open_network()
        network.layer(self.layer)
        report = run(
            network,
            self.layer,
            self.open_images(),
            recipe,
            self.out,
            self.chosen_positions(),
            training,
            self.stimulus,
            self.most_bytes(),
        )
        show(report, self.out)
