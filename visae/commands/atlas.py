"""visae atlas"""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

import visae
from visae._support.errors import VisaeError
from visae.atlas import Contents, build_atlas, draw_pictures, find_credits, refuse_foreign, server
from visae.commands.options import File, Text, open_usual
from visae.images import Images, evenly_spaced
from visae.networks import Network
from visae.sae import load

COUNT, STEPS = 1024, 128


@dataclass(kw_only=True)
class Atlas:
    """Write a page in which to look at every neuron and feature: open it with a double click, send it, put it anywhere.

    What units want to see is drawn first, which takes longest; drawn pictures are kept in --pictures, and only missing
    ones are drawn when the command is called again.

    Example: visae atlas runs/topk8/dictionary --images photos/ --out atlas

    Example: visae atlas --serve atlas
    """

    target: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[DICT]")] = None
    """Folder of a dictionary."""
    images: Annotated[str | None, tyro.conf.arg(metavar="STR", help_behavior_hint="(needed)")] = None
    """A folder (searched through and through), a text file with a path a line, or leaves:N for N dead-leaves images."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="(needed)")] = None
    """Folder for the page."""
    count: int = COUNT
    """Images to look at, evenly spaced among those that there are; 0 for all."""
    examples: int = 12
    """The strongest examples to show of each unit; besides, there are four at quantiles of its values."""
    steps: int = STEPS
    """Steps of drawing each picture; 0 to draw none, and show the strongest example instead."""
    pictures: Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="(default: OUT-pictures)")] = None
    """Folder in which drawn pictures are kept."""
    credits: File = None
    """A table (CSV) of whose the photographs are: file, author, licence, origin_url. Without it: manifest.csv beside
    them, if it is there."""
    weights: File = None
    """File of weights, or a folder that holds it. Without it: $VISAE_WEIGHTS, then the cache (see visae fetch)."""
    device: Text = None
    """cpu, cuda, ... Without it: CUDA where there is one."""
    seed: int = 0
    """Decides leaves, what is drawn, the sample of positions, and the map."""
    serve: Annotated[Path | None, tyro.conf.arg(metavar="SITE", help_behavior_hint="(optional)")] = None
    """Show an atlas that is there, to this machine alone, until Ctrl-C."""
    port: int = 8350
    """Where --serve listens."""

    def run(self) -> None:
        """Write, or serve."""
        if self.serve is not None:
            if self.target is not None or self.images is not None or self.out is not None:
                raise VisaeError("--serve shows an atlas that is there; write it first, without --serve")
            self._serve(self.serve)
            return
        if self.target is None or self.images is None or self.out is None:
            raise VisaeError("an atlas needs DICT, --images and --out, or --serve and the folder of one that is there")
        for option, given in (("--count", self.count), ("--steps", self.steps)):
            if given < 0:
                raise VisaeError(f"{option} is {given}; it must be at least 0")
        # Before hours of drawing.
        refuse_foreign(self.out)
        sae = load(self.target)
        network = visae.network(sae.about["network"], self.weights, self.device)
        images = evenly_spaced(open_usual(self.images, self.seed), self.count)
        known = find_credits(self.images, [images.key(place) for place in range(len(images))], self.credits)
        place = Path(self.target)
        contents = Contents(self.examples, self.seed, known, place if place.is_dir() else place.parent)
        folder = self.pictures or Path(f"{self.out}-pictures")
        drawn = draw_pictures(sae.to(network.device), network, folder, self.steps, self.seed)
        print(f"atlas: {build_atlas(sae, network, images, self.out, contents, drawn)}")

    def _serve(self, site: Path) -> None:
        with server(site, self.port) as running:
            print(f"http://127.0.0.1:{running.server_port}/  (Ctrl-C ends it)", flush=True)
            with suppress(KeyboardInterrupt):
                running.serve_forever()


def write_atlas(network: Network, images: Images, run: Path, steps: int, contents: Contents) -> Path:
    """Write the atlas of a run's dictionary into its `atlas/`; pictures are drawn in so many steps, or are there."""
    folder = run / "dictionary"
    sae = load(folder, network.device)
    drawn = draw_pictures(sae, network, run / "pictures", steps, contents.seed)
    return build_atlas(sae, network, images, run / "atlas", replace(contents, dictionary=folder), drawn)
