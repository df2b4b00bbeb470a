"""Thumbnails of all units: their visualisations and strongest examples, several per sprite sheet."""

import io
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from PIL import Image

from visae.atlas._measurements import UnitMeasurements
from visae.atlas._site import Site
from visae.atlas._visualisations import Picture, Visualisations
from visae.images import Images
from visae.plots._crops import square_around

SIZE = 64  # px of a thumbnail
# Thumbnails of a sheet, across and down. A sorted page shows thumbnails from many sheets, and the browser decodes each
# sheet whole: with 16 by 16 that took seconds for thousands of units.
ACROSS = 4
_QUALITY = 78


def write_thumbnails(
    populations: Sequence[UnitMeasurements], images: Images, visualisations: Visualisations, site: Site
) -> None:
    """Write sprite sheets of all units' strongest examples and visualisations, and the visualisations at full size."""
    neurons, features = (len(population.units) for population in populations)
    examples = [picture for population in populations for picture in _strongest_examples(population, images)]
    _write_sheets("examples", examples, site)
    rendered = [*visualisations.pictures(neurons, features)]
    if any(picture is not None for picture in rendered):
        _write_sheets("rendered", rendered, site)
    for index, picture in enumerate(rendered):
        _write_picture(picture, f"rendered/{index:05d}.webp", site)
    for feature in range(features):
        picture = visualisations.opposite_picture(feature)
        _write_picture(picture, f"rendered/{neurons + feature:05d}-opposite.webp", site)


def thumbnail_sheets(pictures: Iterable[Picture | None]) -> Iterator[bytes]:
    """Encode pictures as WebP sheets of 4 by 4 thumbnails of 64 px, in order; grey where there is no picture."""
    sheet, count = _blank_sheet(), 0
    for picture in pictures:
        index = count % ACROSS**2
        if count and index == 0:
            yield webp(sheet)
            sheet = _blank_sheet()
        if picture is not None:
            row, column = divmod(index, ACROSS)
            sheet.paste(_resized(picture), (column * SIZE, row * SIZE))
        count += 1
    if count:
        yield webp(sheet)


def webp(image: Image.Image, quality: int = _QUALITY) -> bytes:
    """Encode an image as WebP."""
    data = io.BytesIO()
    image.save(data, "webp", quality=quality, method=4)
    return data.getvalue()


def _write_sheets(name: str, pictures: Sequence[Picture | None], site: Site) -> None:
    for number, data in enumerate(thumbnail_sheets(pictures)):
        site.write(f"thumbnails/{name}-{number:04d}.webp", data)


def _write_picture(picture: Picture | None, name: str, site: Site) -> None:
    if picture is not None:
        site.write(name, webp(Image.fromarray(picture)))


def _strongest_examples(population: UnitMeasurements, images: Images) -> list[Picture | None]:
    """Crop each unit's receptive field at its strongest position; None for units that never fire.

    Images are read once, in the order of the source.
    """
    units = population.units
    layer, side = units.layer, min(units.layer.receptive_field, images.size)
    top = population.examples.top
    strongest = {unit: position for unit in range(len(units)) for position in top.positions(unit)[:1]}
    thumbnails: dict[int, Picture] = {}
    pixels, last = np.zeros((3, 1, 1), np.uint8), -1
    for unit, (image, row, column) in sorted(strongest.items(), key=lambda item: (item[1][0], item[0])):
        if image != last:
            pixels, last = images.read(image)[0].numpy(), image
        square = square_around(layer, row, column, side, images.size)
        crop = pixels[:, square.top : square.top + side, square.left : square.left + side]
        # Resized immediately, since a thousand crops of large receptive fields do not fit in memory.
        thumbnails[unit] = np.asarray(_resized(np.ascontiguousarray(crop.transpose(1, 2, 0))))
    return [thumbnails.get(unit) for unit in range(len(units))]


def _resized(picture: Picture) -> Image.Image:
    return Image.fromarray(picture).resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def _blank_sheet() -> Image.Image:
    return Image.new("RGB", (ACROSS * SIZE, ACROSS * SIZE), "#808080")
