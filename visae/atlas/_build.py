"""Building an atlas: everything that is measured of every unit of a dictionary, as a folder with a page."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae.atlas import _sheets as sheets
from visae.atlas._coactivation import Coactivation, alike
from visae.atlas._credits import Credit
from visae.atlas._drawing import Pictures
from visae.atlas._image_pages import image_page
from visae.atlas._layout import places
from visae.atlas._overview import DENSE, FAMILIES, Population, circle, columns
from visae.atlas._run_page import run_page
from visae.atlas._site import Site
from visae.atlas._statistics import Statistics
from visae.atlas._statistics_pass import Look, StatisticsPass
from visae.atlas._unit_pages import neighbours, stimuli, unit_page
from visae.atlas._walls import write_walls
from visae.examples import QUANTILES, border_margin, find_examples
from visae.images import Images
from visae.metrics._recovery import MATCHED
from visae.networks import Network
from visae.sae import SAE
from visae.tuning import battery
from visae.tuning._colour import colour_peaks
from visae.units import features, neurons

ATLAS_SCHEMA = 1
CHUNK = 64  # units whose data are in one file
_NEIGHBOURS = 8


@dataclass(frozen=True)
class Contents:
    """What an atlas is to hold.

    top:        strongest examples of each unit; besides, there is one at each of four quantiles.
    credits:    of the photographs, by their keys.
    dictionary: the folder that the SAE is from, for its log.
    """

    top: int = 12
    seed: int = 0
    credits: dict[str, Credit] = field(default_factory=dict)
    dictionary: Path | None = None

    def __post_init__(self) -> None:
        if self.top < 1:
            raise VisaeError(f"{self.top} examples of each unit; ask for at least 1")


def build_atlas(
    sae: SAE,
    network: Network,
    images: Images,
    out: Path,
    contents: Contents | None = None,
    pictures: Pictures | None = None,
) -> Path:
    """Write an atlas of an SAE's features and its layer's neurons into `out`; returns the page, `out/index.html`.

    The images are read twice: for the examples, and for what is counted and shown. Nothing is left in `out` but the
    whole atlas, or, if this is interrupted, the one that was there before. Raises `VisaeError` for a folder that holds
    something else, and where no image can be read.
    """
    contents, pictures = contents or Contents(), pictures or Pictures()
    with Site(out) as site:
        of = _measured(sae, network, images, contents)
        wanted, together = [_wanted(population) for population in of], Coactivation()
        shown = sorted(set().union(*wanted))
        statistics_pass = StatisticsPass(
            [p.units for p in of], images, [p.statistics for p in of], together, contents.seed
        )
        heats = _survey(statistics_pass, wanted, shown, site)
        _write_units(of, heats, pictures, together, site)
        write_walls(of, images, pictures, site)
        site.write_data("data/atlas", _atlas(of, sae, network, images, shown, contents, pictures))
        site.publish()
    return out / "index.html"


def _measured(sae: SAE, network: Network, images: Images, contents: Contents) -> list[Population]:
    units = [neurons(network, sae.about["layer"]), features(network, sae.about["layer"], sae)]
    margin = border_margin(units[0].layer, images)
    found = find_examples(units, images, contents.top, QUANTILES, margin, 1, contents.seed)
    swept, colours = battery(units), colour_peaks(units)
    largest = [float(of.top.value.max()) for of in found]
    statistics = [Statistics(of, 2 * top) for of, top in zip(units, largest, strict=True)]
    return [Population(*parts) for parts in zip(units, found, swept, colours, statistics, strict=True)]


Heats = list[dict[tuple[int, int], Float[np.ndarray, "h w"]]]


def _survey(
    statistics_pass: StatisticsPass, wanted: Sequence[Mapping[int, set[int]]], shown: Sequence[int], site: Site
) -> Heats:
    """Pass over the images; write those that are shown, and keep the maps of their examples by unit and image."""
    number = {image: place for place, image in enumerate(shown)}
    heats: Heats = [{} for _ in wanted]
    for look in statistics_pass.looks():
        if look.image in number:
            _write_image(look, number[look.image], site)
            for heat, maps, by_image in zip(heats, look.maps, wanted, strict=True):
                for unit in by_image.get(look.image, ()):
                    heat[unit, look.image] = _small(maps[unit])
    return heats


def _wanted(of: Population) -> dict[int, set[int]]:
    """For each image the units of which it is an example."""
    found: dict[int, set[int]] = {}
    for examples in (of.found.top, of.found.samples):
        for unit, place in (examples.value > 0).nonzero().tolist():
            found.setdefault(int(examples.image[unit, place]), set()).add(unit)
    return found


def _small(heat: Float[Tensor, "h w"]) -> Float[np.ndarray, "z z"]:
    """A map of at most 32 px."""
    if max(heat.shape) > sheets.HEAT_MOST:
        heat = torch.nn.functional.adaptive_max_pool2d(heat[None], sheets.HEAT_MOST)[0]
    small: Float[np.ndarray, "z z"] = heat.half().numpy()
    return small


def _write_image(look: Look, number: int, site: Site) -> None:
    pixels = Image.fromarray(np.ascontiguousarray(look.pixels.permute(1, 2, 0).numpy()))
    site.write(f"photos/{number:05d}.webp", sheets.webp(pixels))
    site.write_data(f"data/images/{number:05d}", image_page(look))


def _write_units(
    of: Sequence[Population], heats: Heats, pictures: Pictures, together: Coactivation, site: Site
) -> None:
    """Write the data and the maps of all units, 64 a file."""
    decoder = torch.nn.functional.normalize(of[1].units.directions.cpu(), dim=1)
    near = alike(torch.cat([population.units.directions.cpu() for population in of]), _NEIGHBOURS)
    company = together.most(_NEIGHBOURS)
    counts = [len(population.units) for population in of]
    drawn = [*zip(pictures.reached(*counts), pictures.driven_down(*counts), strict=True)]
    every = [(place, unit) for place, population in enumerate(of) for unit in range(len(population.units))]
    with Progress("units", len(every), "units") as progress:
        for first in range(0, len(every), CHUNK):
            pages, maps = [], []
            for index, (place, unit) in enumerate(every[first : first + CHUNK], first):
                page = unit_page(of[place], unit, decoder, drawn[index])
                page |= {"alike": neighbours(near[index]), "together": neighbours(company[index])}
                maps.append([heats[place].get((unit, example[0])) for example in page["examples"]])
                pages.append(page)
            across = max(map(len, maps), default=0)
            name = f"data/units/{first // CHUNK:05d}"
            side = sheets.heat_side(maps)
            site.write_data(name, {"first": first, "across": max(across, 1), "heat": side, "units": pages})
            site.write(f"{name}.png", sheets.heat_sheet(maps, max(across, 1)))
            progress.update(len(pages))


def _atlas(
    of: Sequence[Population],
    sae: SAE,
    network: Network,
    images: Images,
    shown: Sequence[int],
    contents: Contents,
    pictures: Pictures,
) -> dict[str, Any]:
    layer, keys = of[0].units.layer, [images.key(image) for image in shown]
    counts = [len(population.units) for population in of]
    credits = [contents.credits.get(key, Credit()) for key in keys]
    return {
        "schema": ATLAS_SCHEMA,
        "layer": {
            "name": layer.name,
            "sees": layer.receptive_field,
            "stride": layer.stride,
            "offset": layer.offset,
            "side": network.map_shapes([layer.name], images.size)[layer.name][1],
        },
        "counts": counts,
        "chunk": CHUNK,
        "wall": {"across": sheets.ACROSS},
        "drawn": {
            "neurons": pictures.neurons is not None,
            "features": pictures.features is not None,
            "opposite": pictures.opposite is not None,
        },
        "families": FAMILIES,
        "dense": DENSE,
        "recovered": MATCHED,
        "columns": columns(of, places(of[1].units.directions.cpu(), contents.seed), pictures.reached(*counts)),
        "circle": circle(of),
        "stimuli": stimuli(of[0]),
        "images": {
            "size": images.size,
            "name": os.path.basename(images.name.rstrip("/")),
            "searched": of[0].found.images,
            "skipped": of[0].found.skipped,
            "indices": list(shown),
            "keys": _without_place(keys),
            "credits": _table(credits),
        },
        "positions": of[0].statistics.positions,
        "run": run_page(sae, network, contents.dictionary),
        "top": contents.top,
    }


def _without_place(keys: Sequence[str]) -> list[str]:
    """Names of files; where they lie on this machine is nobody's business."""
    absolute = [key for key in keys if os.path.isabs(key)]
    above = os.path.commonpath([os.path.dirname(key) for key in absolute]) if absolute else ""
    # Files that have nothing but the root in common are called by their last name.
    relative = os.path.basename if above == os.path.sep else lambda key: os.path.relpath(key, above)
    return [relative(key) if os.path.isabs(key) else os.path.normpath(key) for key in keys]


def _table(credits: Sequence[Credit]) -> dict[str, Any]:
    """The different credits, and of each image the number of its own."""
    different = list(dict.fromkeys(credits))
    number = {credit: place for place, credit in enumerate(different)}
    return {
        "rows": [[credit.author, credit.licence, credit.origin] for credit in different],
        "of": [number[credit] for credit in credits],
    }
