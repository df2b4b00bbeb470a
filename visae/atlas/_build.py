"""Building an atlas: measure every unit of a dictionary and its layer, and write a folder with a web page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae.atlas import _thumbnails as thumbnails
from visae.atlas._coactivation import Coactivation, similar_directions
from visae.atlas._credits import Credit
from visae.atlas._heat_maps import HeatMap, HeatMaps, heat_sheet, heat_side
from visae.atlas._image_page import image_list, image_page
from visae.atlas._measurements import UnitMeasurements, measure_units
from visae.atlas._overview import overview
from visae.atlas._run_page import run_page
from visae.atlas._site import Site
from visae.atlas._statistics_pass import ImageActivations, StatisticsPass
from visae.atlas._unit_page import unit_page
from visae.atlas._visualisations import Visualisations
from visae.images import Images
from visae.networks import Network
from visae.sae import SAE

ATLAS_SCHEMA = 2
CHUNK = 64  # units per data file
_NEIGHBOURS = 8


@dataclass(frozen=True)
class AtlasConfig:
    """What an atlas contains.

    top:        strongest examples of each unit, shown beside one at each of four quantiles.
    seed:       seeds the sampled positions and the map.
    credits:    the photographs' credits, by key.
    dictionary: the folder that the SAE was loaded from, for its training log; None to leave that out.

    Raises `VisaeError` for fewer than one example.
    """

    top: int = 12
    seed: int = 0
    credits: dict[str, Credit] = field(default_factory=dict)
    dictionary: Path | None = None

    def __post_init__(self) -> None:
        if self.top < 1:
            raise VisaeError(f"{self.top} examples per unit; ask for at least 1")


def build_atlas(
    sae: SAE,
    network: Network,
    images: Images,
    out: str | Path,
    config: AtlasConfig | None = None,
    visualisations: Visualisations | None = None,
) -> Path:
    """Write an atlas of an SAE's features and its layer's neurons into `out`; return the page, `out/index.html`.

    Reads the images twice: once for the examples, once for statistics and heat maps. If interrupted, `out` still holds
    any previous atlas. Raises `VisaeError` for a folder that holds something other than an atlas, and if no image can
    be read.
    """
    out = Path(out)
    config, visualisations = config or AtlasConfig(), visualisations or Visualisations()
    with Site(out) as site:
        populations = measure_units(sae, network, images, config.top, config.seed)
        heat_maps, coactivation = HeatMaps([population.examples for population in populations]), Coactivation()
        statistics_pass = StatisticsPass(
            [population.units for population in populations],
            images,
            [population.statistics for population in populations],
            coactivation,
            config.seed,
        )
        shown = heat_maps.images
        number = {image: index for index, image in enumerate(shown)}
        for activations in statistics_pass:
            if activations.image in number:
                _write_image(activations, number[activations.image], site)
                heat_maps.add(activations)
        _write_units(populations, heat_maps, visualisations, coactivation, site)
        thumbnails.write_thumbnails(populations, images, visualisations, site)
        content = {
            "schema": ATLAS_SCHEMA,
            "chunk": CHUNK,
            "thumbnails": {"across": thumbnails.ACROSS},
            **overview(populations, images, visualisations, config.seed),
            "images": image_list(populations[0], images, shown, config.credits),
            "run": run_page(sae, network, config.dictionary),
            "top": config.top,
        }
        site.write_data("data/atlas", content)
        site.publish()
    return out / "index.html"


def _write_image(activations: ImageActivations, number: int, site: Site) -> None:
    """Write an image and its page's data under its number among the shown images."""
    pixels = Image.fromarray(np.ascontiguousarray(activations.pixels.permute(1, 2, 0).numpy()))
    site.write(f"photos/{number:05d}.webp", thumbnails.webp(pixels))
    site.write_data(f"data/images/{number:05d}", image_page(activations))


def _write_units(
    populations: Sequence[UnitMeasurements],
    heat_maps: HeatMaps,
    visualisations: Visualisations,
    coactivation: Coactivation,
    site: Site,
) -> None:
    """Write the data and heat maps of all units, 64 units per file."""
    decoder = F.normalize(populations[1].units.directions.cpu(), dim=1)
    directions = torch.cat([population.units.directions.cpu() for population in populations])
    similar, coactive = similar_directions(directions, _NEIGHBOURS), coactivation.neighbours(_NEIGHBOURS)
    counts = [len(population.units) for population in populations]
    responses = [*zip(visualisations.responses(*counts), visualisations.opposite_responses(*counts), strict=True)]
    units = [(population, unit) for population, count in enumerate(counts) for unit in range(count)]
    with Progress("units", len(units), "units") as progress:
        for first in range(0, len(units), CHUNK):
            pages, maps = [], []
            for index, (population, unit) in enumerate(units[first : first + CHUNK], first):
                measured, neighbours = populations[population], (similar[index], coactive[index])
                page = unit_page(measured, unit, decoder, responses[index], *neighbours)
                pages.append(page)
                maps.append([heat_maps.get(population, unit, example[0]) for example in page["examples"]])
            _write_chunk(first, pages, maps, site)
            progress.update(len(pages))


def _write_chunk(
    first: int, pages: Sequence[Mapping[str, Any]], maps: Sequence[Sequence[HeatMap | None]], site: Site
) -> None:
    name, across = f"data/units/{first // CHUNK:05d}", max(1, *map(len, maps))
    site.write_data(name, {"first": first, "across": across, "heat": heat_side(maps), "units": pages})
    site.write(f"{name}.png", heat_sheet(maps, across))
