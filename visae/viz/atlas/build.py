"""Building an atlas: everything that is measured of every unit of a dictionary, as a folder with a page."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from visae import files
from visae.errors import VisaeError
from visae.examples import QUANTILES, clear_of_border, find
from visae.images import Images
from visae.progress import Progress
from visae.sae import SAE
from visae.tuning import battery
from visae.tuning.colour import colour_peaks
from visae.units import features, neurons
from visae.viz.album import FILE, SCHEMA, Album
from visae.viz.atlas import sheets
from visae.viz.atlas.company import Together, alike
from visae.viz.atlas.credits import Credit
from visae.viz.atlas.drawing import Pictures
from visae.viz.atlas.image_pages import image_page
from visae.viz.atlas.overview import DENSE, FAMILIES, Population, circle, columns
from visae.viz.atlas.places import places
from visae.viz.atlas.run_page import run_page
from visae.viz.atlas.site import Site, rounded
from visae.viz.atlas.statistics import Statistics
from visae.viz.atlas.survey import Look, Survey
from visae.viz.atlas.unit_pages import neighbours, stimuli, unit_page
from visae.viz.panels import seen
from visae.zoo import Network

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
        shown = sorted({image for population in of for image in _images(population)})
        together = Together()
        survey = Survey([p.units for p in of], sae, images, [p.statistics for p in of], together, contents.seed)
        heats = _survey(survey, of, shown, site)
        _write_units(of, heats, pictures, together, site)
        _write_walls(of, images, pictures, site)
        site.write_data("data/atlas", _atlas(of, sae, network, images, shown, contents, pictures))
        site.publish()
    return out / "index.html"


def _measured(sae: SAE, network: Network, images: Images, contents: Contents) -> list[Population]:
    units = [neurons(network, sae.about["layer"]), features(network, sae.about["layer"], sae)]
    margin = clear_of_border(units[0].layer, images)
    found = find(units, images, contents.top, QUANTILES, margin, 1, contents.seed)
    swept, colours = battery(units), colour_peaks(units)
    largest = [float(of.top.value.max()) for of in found]
    statistics = [Statistics(of, 2 * top) for of, top in zip(units, largest, strict=True)]
    return [Population(*parts) for parts in zip(units, found, swept, colours, statistics, strict=True)]


def _images(of: Population) -> Iterator[int]:
    for examples in (of.found.top, of.found.samples):
        yield from examples.image[examples.value > 0].tolist()


Heats = list[dict[tuple[int, int], Float[np.ndarray, "h w"]]]


def _survey(survey: Survey, of: Sequence[Population], shown: Sequence[int], site: Site) -> Heats:
    """Pass over the images; write those that are shown, and keep the maps of their examples by unit and image."""
    wanted = [_wanted(population) for population in of]
    number = {image: place for place, image in enumerate(shown)}
    heats: Heats = [{} for _ in of]
    for look in survey.looks():
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
    return np.asarray(heat.half().float().numpy(), np.float16).astype(np.float16)


def _write_image(look: Look, number: int, site: Site) -> None:
    pixels = Image.fromarray(np.ascontiguousarray(look.pixels.permute(1, 2, 0).numpy()))
    site.write(f"photos/{number:05d}.webp", sheets.webp(pixels))
    site.write_data(f"data/images/{number:05d}", image_page(look))


def _write_units(of: Sequence[Population], heats: Heats, pictures: Pictures, together: Together, site: Site) -> None:
    """Write the data and the maps of all units, 64 a file."""
    decoder = torch.nn.functional.normalize(of[1].units.directions.cpu(), dim=1)
    near = alike(torch.cat([population.units.directions.cpu() for population in of]), _NEIGHBOURS)
    company = together.most(_NEIGHBOURS)
    reached = _reached(of, pictures)
    every = [(place, unit) for place, population in enumerate(of) for unit in range(len(population.units))]
    with Progress("units", len(every), "units") as progress:
        for first in range(0, len(every), CHUNK):
            pages, maps = [], []
            for index, (place, unit) in enumerate(every[first : first + CHUNK], first):
                page = unit_page(of[place], unit, decoder, reached[index])
                page |= {"alike": neighbours(near[index]), "together": neighbours(company[index])}
                maps.append([_heat(heats[place].get((unit, example[0]))) for example in page["examples"]])
                pages.append(page)
            across = max(map(len, maps), default=0)
            name = f"data/units/{first // CHUNK:05d}"
            side = sheets.heat_side(maps)
            site.write_data(name, {"first": first, "across": max(across, 1), "heat": side, "units": pages})
            site.write(f"{name}.png", sheets.heat_sheet(maps, max(across, 1)))
            progress.update(len(pages))


def _heat(heat: Float[np.ndarray, "h w"] | None) -> Float[np.ndarray, "h w"] | None:
    return None if heat is None else heat.astype(np.float32)


def _reached(of: Sequence[Population], pictures: Pictures) -> list[list[float | None]]:
    """For every unit what its picture reached, and the drive of that which drives it down; null for none."""
    neurons, features, opposite = map(_values, (pictures.neurons, pictures.features, pictures.opposite))
    down = {unit: -value for unit, value in opposite.items()}
    of_neurons = [[neurons.get(unit), None] for unit in range(len(of[0].units))]
    return [*of_neurons, *([features.get(unit), down.get(unit)] for unit in range(len(of[1].units)))]


def _values(album: Album | None) -> dict[int, float]:
    """What the pictures of an album reached, by unit, of those that are there."""
    if album is None or not (album.folder / FILE).is_file():
        return {}
    values = files.read_json(album.folder / FILE, SCHEMA)["units"]
    return {int(unit): float(of["value"]) for unit, of in values.items() if album.file(int(unit)).is_file()}


def _write_walls(of: Sequence[Population], images: Images, pictures: Pictures, site: Site) -> None:
    """Write the pictures of the wall, of what was drawn and of the strongest examples, and the drawn ones whole."""
    best = [picture for population in of for picture in _best(population, images)]
    for number, data in enumerate(sheets.wall_sheets(best)):
        site.write(f"walls/examples-{number:04d}.webp", data)
    drawn = [_pixels(album, unit) for album, unit in _own(of, pictures)]
    if any(picture is not None for picture in drawn):
        for number, data in enumerate(sheets.wall_sheets(drawn)):
            site.write(f"walls/drawn-{number:04d}.webp", data)
    for index, picture in enumerate(drawn):
        _write_drawn(picture, f"drawn/{index:05d}.webp", site)
    first = len(of[0].units)
    for unit in range(len(of[1].units)):
        _write_drawn(_pixels(pictures.opposite, unit), f"drawn/{first + unit:05d}-opposite.webp", site)


def _own(of: Sequence[Population], pictures: Pictures) -> Iterator[tuple[Album | None, int]]:
    for population, album in zip(of, (pictures.neurons, pictures.features), strict=True):
        for unit in range(len(population.units)):
            yield album, unit


def _write_drawn(picture: UInt8[np.ndarray, "h w 3"] | None, name: str, site: Site) -> None:
    if picture is not None:
        site.write(name, sheets.webp(Image.fromarray(picture)))


def _pixels(album: Album | None, unit: int) -> UInt8[np.ndarray, "h w 3"] | None:
    """A drawn picture; None where there is none."""
    if album is None or not album.file(unit).is_file():
        return None
    with Image.open(album.file(unit)) as picture:
        return np.asarray(picture.convert("RGB"))


def _best(of: Population, images: Images) -> Iterator[UInt8[np.ndarray, "s s 3"] | None]:
    """What each unit sees where it is strongest; None for one that never fires. Images are read once, in order."""
    layer, side = of.units.layer, min(of.units.layer.receptive_field, images.size)
    places = [of.found.top.of(unit)[:1] for unit in range(len(of.units))]
    order = sorted((place[0][0], unit) for unit, place in enumerate(places) if place)
    crops: dict[int, UInt8[np.ndarray, "s s 3"]] = {}
    pixels, last = np.zeros((3, 1, 1), np.uint8), -1
    for image, unit in order:
        if image != last:
            pixels, last = images.read(image)[0].numpy(), image
        _, row, column = places[unit][0]
        of_unit = seen(layer, row, column, side, images.size)
        window = pixels[:, of_unit.top : of_unit.top + side, of_unit.left : of_unit.left + side]
        # Scaled at once: a thousand crops of large fields would be in memory together.
        tile = Image.fromarray(np.ascontiguousarray(window.transpose(1, 2, 0)))
        crops[unit] = np.asarray(tile.resize((sheets.TILE, sheets.TILE), Image.Resampling.LANCZOS))
    return iter([crops.get(unit) for unit in range(len(of.units))])


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
        "counts": [len(population.units) for population in of],
        "chunk": CHUNK,
        "wall": {"tile": sheets.TILE, "across": sheets.ACROSS, "drawn": pictures.features is not None},
        "drawn": {
            "neurons": pictures.neurons is not None,
            "features": pictures.features is not None,
            "opposite": pictures.opposite is not None,
        },
        "families": FAMILIES,
        "dense": DENSE,
        "columns": columns(of, places(of[1].units.directions.cpu(), contents.seed)),
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
        "sums": rounded([float(population.statistics.share.sum()) for population in of]),
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
