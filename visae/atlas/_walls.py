"""The pictures of an atlas: those of the wall, and what was drawn whole."""

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from visae.atlas import _sheets as sheets
from visae.atlas._drawing import Pictures
from visae.atlas._overview import Population
from visae.atlas._site import Site
from visae.featurevis._album import Album
from visae.images import Images
from visae.plots._crops import square_around


def write_walls(of: Sequence[Population], images: Images, pictures: Pictures, site: Site) -> None:
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


def _write_drawn(picture: sheets.Picture | None, name: str, site: Site) -> None:
    if picture is not None:
        site.write(name, sheets.webp(Image.fromarray(picture)))


def _pixels(album: Album | None, unit: int) -> sheets.Picture | None:
    """A drawn picture; None where there is none."""
    if album is None or not album.file(unit).is_file():
        return None
    with Image.open(album.file(unit)) as picture:
        return np.asarray(picture.convert("RGB"))


def _best(of: Population, images: Images) -> Iterator[sheets.Picture | None]:
    """What each unit sees where it is strongest; None for one that never fires. Images are read once, in order."""
    layer, side = of.units.layer, min(of.units.layer.receptive_field, images.size)
    places = [of.found.top.positions(unit)[:1] for unit in range(len(of.units))]
    order = sorted((place[0][0], unit) for unit, place in enumerate(places) if place)
    crops: dict[int, sheets.Picture] = {}
    pixels, last = np.zeros((3, 1, 1), np.uint8), -1
    for image, unit in order:
        if image != last:
            pixels, last = images.read(image)[0].numpy(), image
        _, row, column = places[unit][0]
        of_unit = square_around(layer, row, column, side, images.size)
        window = pixels[:, of_unit.top : of_unit.top + side, of_unit.left : of_unit.left + side]
        # Scaled at once: a thousand crops of large fields would be in memory together.
        tile = Image.fromarray(np.ascontiguousarray(window.transpose(1, 2, 0)))
        crops[unit] = np.asarray(tile.resize((sheets.TILE, sheets.TILE), Image.Resampling.LANCZOS))
    return iter([crops.get(unit) for unit in range(len(of.units))])
