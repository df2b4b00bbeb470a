"""visae atlas"""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from visae._support.errors import VisaeError
from visae._support.paths import require_images
from visae.commands.options import File, WeightsOptions, check_at_least, open_small

if TYPE_CHECKING:
    from visae.atlas import AtlasConfig
    from visae.images import Images
    from visae.networks import Network

IMAGES, STEPS = 1024, 128


@dataclass(kw_only=True)
class AtlasCommand(WeightsOptions):
    """Write a page to browse every neuron and feature: open it with a double click, send it, or host it anywhere.

    Every unit is visualised first, which takes longest; the pictures are kept in --pictures, and running the command
    again renders only the missing ones.

    Example: visae atlas runs/topk8/dictionary --images photos/ --out atlas

    Example: visae atlas --serve atlas
    """

    target: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[DICT]")] = None
    """Folder of a dictionary."""
    images: Annotated[str | None, tyro.conf.arg(metavar="STR", help_behavior_hint="(needed)")] = None
    """A folder (searched recursively), a text file with one path per line, or leaves:N for N dead-leaves images."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="(needed)")] = None
    """Folder for the page."""
    count: int = IMAGES
    """Images to search, evenly spaced among those given; 0 for all."""
    examples: int = 12
    """Strongest examples to show for each unit, beside four at quantiles of its activation."""
    steps: int = STEPS
    """Optimisation steps per picture; 0 renders none and shows the strongest example instead."""
    pictures: Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="(default: OUT-pictures)")] = None
    """Folder for the rendered pictures."""
    credits: File = None
    """CSV table that credits the photographs, with columns file, author, licence, origin_url. Without it: manifest.csv
    beside the photographs, if it exists."""
    seed: int = 0
    """Seeds the leaves, the pictures, the sampled positions and the map."""
    serve: Annotated[Path | None, tyro.conf.arg(metavar="SITE", help_behavior_hint="(optional)")] = None
    """Serve an existing atlas, on this machine only, until Ctrl-C."""
    port: int = 8350
    """Port for --serve."""

    def check(self) -> None:
        """Raise `VisaeError` for invalid options."""
        if self.serve is not None:
            if self.target is not None or self.images is not None or self.out is not None:
                raise VisaeError("--serve shows an existing atlas; write it first, without --serve")
            return
        if self.target is None or self.images is None or self.out is None:
            raise VisaeError("an atlas needs DICT, --images and --out, or --serve and the folder of an existing one")
        self.check_dictionary(self.target)
        require_images(self.images)
        check_at_least(0, count=self.count, steps=self.steps)

    def run(self) -> None:
        """Write, or serve."""
        if self.serve is not None:
            self._serve(self.serve)
        else:
            self._write()

    def _write(self) -> None:
        from visae.atlas import AtlasConfig, build_atlas, check_atlas_folder, find_credits, render_visualisations
        from visae.images import evenly_spaced
        from visae.sae import load

        assert self.target is not None
        assert self.images is not None
        assert self.out is not None
        # Fail before hours of rendering, not after.
        check_atlas_folder(self.out)
        sae = load(self.target)
        network = self.open_named(sae.about["network"])
        images = evenly_spaced(open_small(self.images, self.seed), self.count)
        credits = find_credits(self.images, [images.key(index) for index in range(len(images))], self.credits)
        path = Path(self.target)
        contents = AtlasConfig(self.examples, self.seed, credits, path if path.is_dir() else path.parent)
        folder = self.pictures or Path(f"{self.out}-pictures")
        pictures = render_visualisations(sae.to(network.device), network, folder, self.steps, self.seed)
        print(f"atlas: {build_atlas(sae, network, images, self.out, contents, pictures)}")

    def _serve(self, site: Path) -> None:
        from visae.atlas import server

        with server(site, self.port) as running:
            print(f"http://127.0.0.1:{running.server_port}/  (Ctrl-C stops it)", flush=True)
            with suppress(KeyboardInterrupt):
                running.serve_forever()


def write_atlas(network: "Network", images: "Images", run: Path, steps: int, contents: "AtlasConfig") -> Path:
    """Write the atlas of a run's dictionary to its `atlas/`; missing pictures are rendered with `steps` steps."""
    from visae.atlas import build_atlas, render_visualisations
    from visae.sae import load

    folder = run / "dictionary"
    sae = load(folder, network.device)
    pictures = render_visualisations(sae, network, run / "pictures", steps, contents.seed)
    return build_atlas(sae, network, images, run / "atlas", replace(contents, dictionary=folder), pictures)
