"""visae atlas"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

import visae
from visae.commands.options import File, Text, open_usual
from visae.errors import VisaeError
from visae.images import Images, Subset
from visae.progress import say
from visae.sae import SAE, load
from visae.units import features, neurons
from visae.viz.album import Album, Style
from visae.viz.atlas import Contents, Pictures, build_atlas, manifest_of, read_credits, server
from visae.zoo import Network


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
    images: Text = None
    """A folder (searched through and through), a text file with a path a line, or leaves:N for N dead-leaves images."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="(needed)")] = None
    """Folder for the page."""
    count: int = 1024
    """Images to look at, evenly spaced among those that there are; 0 for all."""
    examples: int = 12
    """The strongest examples to show of each unit; besides, there are four at quantiles of its values."""
    steps: int = 128
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
            self._serve(self.serve)
            return
        if self.target is None or self.images is None or self.out is None:
            raise VisaeError("an atlas needs DICT, --images and --out, or --serve and the folder of one that is there")
        if self.count < 0 or self.steps < 0:
            raise VisaeError(f"--count is {self.count} and --steps {self.steps}; they must be at least 0")
        sae = load(self.target)
        network = visae.network(sae.about["network"], self.weights, self.device)
        images = some_of(open_usual(self.images, self.seed), self.count)
        folder = self.pictures or self.out.with_name(f"{self.out.name}-pictures")
        drawn = draw_pictures(sae.to(network.device), network, folder, self.steps, self.seed)
        manifest = self.credits or manifest_of(self.images)
        known = read_credits(manifest) if manifest else {}
        place = Path(self.target)
        contents = Contents(self.examples, self.seed, known, place if place.is_dir() else place.parent)
        print(f"atlas: {build_atlas(sae, network, images, self.out, contents, drawn)}")

    def _serve(self, site: Path) -> None:
        with server(site, self.port) as running:
            print(f"http://127.0.0.1:{running.server_port}/  (Ctrl-C ends it)", flush=True)
            with suppress(KeyboardInterrupt):
                running.serve_forever()


def some_of(images: Images, count: int) -> Images:
    """So many of the images, evenly spaced; all for 0."""
    if count == 0 or count >= len(images):
        return images
    say(f"{count:,} of the {len(images):,} images, evenly spaced; --count 0 for all")
    return Subset(images, [place * len(images) // count for place in range(count)])


def draw_pictures(sae: SAE, network: Network, folder: Path, steps: int, seed: int) -> Pictures:
    """Draw what drives every neuron and feature, and what drives every feature down, unless it is there already."""
    if steps == 0:
        return Pictures()
    layer = sae.about["layer"]
    of_features, of_neurons = features(network, layer, sae), neurons(network, layer)
    found = Pictures(
        Album(of_neurons, folder / "neurons", Style(steps=steps, seed=seed)),
        Album(of_features, folder / "features", Style(steps=steps, seed=seed)),
        Album(of_features, folder / "opposite", Style("drive", negative=True, steps=steps, seed=seed)),
    )
    for album in (found.neurons, found.features, found.opposite):
        if album is not None:
            album.draw(range(len(album.units)))
    return found
