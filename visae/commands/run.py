"""visae run"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from visae.commands.options import CaptureOptions, NetworkOptions, TrainingOptions, check_at_least
from visae.commands.sae_options import SAEOptions


@dataclass(kw_only=True)
class RunCommand(TrainingOptions, SAEOptions, CaptureOptions, NetworkOptions):
    """Capture, train and curves in one: take a layer of a network apart, and report the result.

    Example: visae run --network inceptionv1-caffe --layer mixed3b_5x5 --images photos/ --k 8 --width 768 --out runs/3b
    """

    RENAMED: ClassVar[dict[str, str]] = {"--rouse": "--revive", "--epochs": "--rows-seen"}

    layer: str
    """The layer to take apart (visae networks NAME lists them)."""
    out: Path
    """Folder for rows/, dictionary/, nulls/, curves/ and report.json; when called again, finished steps are skipped."""
    stimulus: Literal["stroke", "filled"] = "stroke"
    """Circles of the sweep: a dark stroke on light, or dark discs."""
    nulls: int = 3
    """Seeds of each null that the dictionary is compared with: random directions, data rows; for kinds with an
    encoder a frozen decoder, a soft-frozen one and a frozen encoder; and training stopped after 1/64 of the rows. 0 for
    none, and no second seed of the dictionary."""
    atlas: bool = False
    """Also write a page to browse every unit, as visae atlas does. It takes longer than all the rest."""

    def check(self) -> None:
        """Raise `VisaeError` for invalid options."""
        super().check()
        self.check_images()
        self.check_sae()
        check_at_least(0, nulls=self.nulls)
        self.open_training(self.seed)

    def run(self) -> None:
        """Run, and print the report."""
        from visae.atlas import AtlasConfig, check_atlas_folder, find_credits
        from visae.commands.atlas import IMAGES, STEPS, write_atlas
        from visae.commands.printing import show_paths, show_run
        from visae.images import evenly_spaced
        from visae.run import run

        config, training = self.open_config(), self.open_training(self.seed)
        network, images, positions = self.open_network(), self.open_images(), self.open_positions()
        network.layer(self.layer)
        if self.atlas:
            # Fail before an hour's work, not after.
            check_atlas_folder(self.out / "atlas")
        limits = (self.max_bytes(), self.nulls)
        report = run(network, self.layer, images, config, self.out, positions, training, self.stimulus, *limits)
        show_run(report)
        page = None
        if self.atlas:
            subset = evenly_spaced(images, IMAGES)
            credits = find_credits(self.images, [subset.key(index) for index in range(len(subset))])
            page = write_atlas(network, subset, self.out, STEPS, AtlasConfig(seed=self.seed, credits=credits))
        show_paths(self.out, page)
