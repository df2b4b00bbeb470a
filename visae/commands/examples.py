"""visae examples"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

import visae
from visae import examples
from visae._support import files
from visae.commands.options import File, Text
from visae.commands.targets import numbers, open_units
from visae.examples import QUANTILES, DatasetExamples, border_margin, find
from visae.images import Images, open_images
from visae.plots._unit_examples import draw_examples
from visae.units import Units

_SCHEMA = 1


@dataclass(kw_only=True)
class Examples:
    """Find in which images units fire most, and at quantiles of their activation, and draw a sheet for each unit.

    All units are searched in one pass over the images; those of --units are drawn. Only positions are searched that see
    nothing beyond the image's border, or, where they see too much for that, whose centre is far from it.

    Example: visae examples runs/topk8 --images photos/ --units 3,17,50:60 --out runs/examples

    Example: visae examples inceptionv1-caffe:mixed3b --images photos/ --units 379 --out runs/mixed3b
    """

    target: Annotated[str, tyro.conf.Positional]
    """A dictionary's folder, for its features, or NETWORK:LAYER, for neurons."""
    images: str
    """A folder (searched through and through), a text file with a path a line, or leaves:N for N dead-leaves images."""
    out: Path
    """Folder for NNNNN-examples.png, a sheet for each unit, and examples.json."""
    units: str = "all"
    """Which units to draw: numbers and ranges, as 3,17,50:60 (60 is not part of it), or all."""
    count: int = 8
    """How many of the strongest examples to keep of each unit."""
    per_image: int = 1
    """How many of these may be of one image."""
    weights: File = None
    """File of weights, or a folder that holds it. Without it: $VISAE_WEIGHTS, then the cache (see visae fetch)."""
    device: Text = None
    """cpu, cuda, ... Without it: CUDA where there is one."""
    resize: int = 256
    """px to which an image's short side is brought; no meaning for leaves."""
    crop: int = 224
    """px, side of the square cut from the middle; the size of leaves."""
    seed: int = 0
    """Decides leaves, and in which images the quantiles are looked for."""

    def run(self) -> None:
        """Search, write, draw, and say where things are."""
        images = open_images(self.images, self.resize, self.crop, self.seed)
        units = open_units(self.target, self.weights, self.device)
        chosen = numbers(self.units, units)
        margin = border_margin(units.layer, images)
        found = find([units], images, self.count, QUANTILES, margin, self.per_image, self.seed)[0]
        settings = {
            "target": self.target,
            "images": images.settings(),
            "count": self.count,
            "per_image": self.per_image,
            "quantiles": list(QUANTILES),
            "margin": margin,
            "seed": self.seed,
        }
        report = {"schema": _SCHEMA, "visae": visae.__version__, "settings": settings, **_report(units, found)}
        report["units"] = [_unit(found, unit, images) for unit in chosen]
        draw_examples(units, found, chosen, images, margin, self.out)
        files.write_json(self.out / "examples.json", report)
        _say(units, found, chosen, self.out)


def _report(units: Units, found: DatasetExamples) -> dict[str, Any]:
    """What examples.json says of all units."""
    return {
        "network": units.network.name,
        "weights": units.network.digest,
        "layer": units.layer.name,
        "kind": units.kind,
        "images_read": found.images,
        "images_skipped": found.skipped,
    }


def _unit(found: DatasetExamples, unit: int, images: Images) -> dict[str, Any]:
    """What examples.json says of one unit."""
    ranks = zip(found.rank[unit].tolist(), found.rank_error()[unit].tolist(), strict=True)
    samples = zip(_places(found.samples, unit, images), ranks, strict=False)
    return {
        "unit": unit,
        "fires": int(found.fires[unit]),
        "top": _places(found.top, unit, images),
        "quantiles": [{"quantile": rank, "error": error, **place} for place, (rank, error) in samples],
    }


def _places(of: examples.Examples, unit: int, images: Images) -> list[dict[str, Any]]:
    values = of.value[unit].tolist()
    return [
        {"image": images.key(image), "row": row, "column": column, "value": value}
        for (image, row, column), value in zip(of.of(unit), values, strict=False)
    ]


def _say(units: Units, found: DatasetExamples, chosen: list[int], out: Path) -> None:
    silent = int((found.fires[chosen] == 0).sum())
    skipped = f", {found.skipped:,} skipped" if found.skipped else ""
    kind = units.kind if len(chosen) > 1 else units.kind.removesuffix("s")
    never = f"; {silent:,} of them in none of these" if silent else ""
    print(f"{len(chosen):,} {kind} of {units.layer.name} in {found.images:,} images{skipped}{never}")
    print(f"sheets:   {out / f'{chosen[0]:05d}-examples.png'}{' ...' * (len(chosen) > 1)}")
    print(f"examples: {out / 'examples.json'}")
