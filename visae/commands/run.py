"""visae run"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from visae._support.tables import show, show_places
from visae.atlas import Contents, find_credits, refuse_foreign
from visae.commands.atlas import COUNT, STEPS, write_atlas
from visae.commands.options import ImageOptions, NetworkOptions, SAEOptions, TrainingOptions
from visae.images import evenly_spaced
from visae.run import run


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
    atlas: bool = False
    """Write a page in which to look at every unit, as visae atlas does. It takes longer than all the rest."""

    def run(self) -> None:
        """Run, and print the report."""
        recipe, training = self.open_recipe(), self.open_training(self.seed)
        network, images = self.open_network(), self.open_images()
        network.layer(self.layer)
        if self.atlas:
            # Before an hour's work.
            refuse_foreign(self.out / "atlas")
        report = run(
            network,
            self.layer,
            images,
            recipe,
            self.out,
            self.chosen_positions(),
            training,
            self.stimulus,
            self.most_bytes(),
        )
        show(report)
        page = None
        if self.atlas:
            some = evenly_spaced(images, COUNT)
            known = find_credits(self.images, [some.key(place) for place in range(len(some))])
            contents = Contents(seed=self.seed, credits=known)
            page = write_atlas(network, some, self.out, STEPS, contents)
        show_places(self.out, page)
