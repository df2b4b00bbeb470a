"""Sheets of dataset examples: one per unit, each example as a crop above its whole image under the unit's map."""

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import UInt8
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from visae._support.errors import VisaeError
from visae._support.progress import Progress
from visae._version import VERSION
from visae.examples import ActivationMaps, DatasetExamples, activation_maps
from visae.featurevis._png import save_image
from visae.images import Images
from visae.plots._crops import SIDE, Picture, crop, overlay_map, square_around
from visae.units import Units

_GROUPS = "strongest", "at quantiles of its value"
_FOOTER = (
    "Below each crop, its whole image under the unit's map: clear at 0, brightest at the map's own maximum. "
    "Positions whose receptive field crosses the border are not searched."
)
_COLUMNS = 8  # maximum number of examples side by side
_GAP, _GROUP_GAP, _MARGIN = 6, 34, 20  # px
_HEADER, _LABEL, _CAPTION, _FOOT = 62, 24, 26, 22  # px of height
_ROW = 2 * SIDE + 3 + _CAPTION
_TITLE, _TEXT, _SMALL = 21, 14, 12  # px, font sizes
_INK, _GREY, _PALE = "#1a1a1a", "#5a5a5a", "#8a8a8a"
_LEAST_WIDTH = 720  # px, for the text


@dataclass(frozen=True, eq=False)
class SheetExample:
    """One example of a sheet: its crop, the whole image under the map (None if no longer readable), and its caption."""

    crop: Picture | None
    whole: Picture | None
    caption: str


@dataclass(frozen=True)
class SheetText:
    """Text of a sheet: its title, a line below it, its footer, and the label of each group of examples."""

    title: str
    subtitle: str
    footer: str
    groups: Sequence[str]


def plot_examples(
    units: Units, examples: DatasetExamples, chosen: Sequence[int], images: Images, margin: float, out: str | Path
) -> list[Path]:
    """Plot the examples of each chosen unit on its own sheet, `<unit>-examples.png`; return the paths.

    margin: the search's margin, px; crops have twice its side, plus one pixel.

    Each image is read and run once, however many units it is an example for. Pictures are spooled to a temporary file
    in `out`, so that memory grows with neither. Raises `VisaeError` if `out` cannot be written.
    """
    out = Path(out)
    side = min(int(2 * margin) + 1, images.size)
    located = _locate(examples, chosen)
    by_image: dict[int, list[_LocatedExample]] = defaultdict(list)
    for example in located:
        by_image[example.image].append(example)
    requests = {image: list(dict.fromkeys(example.unit for example in group)) for image, group in by_image.items()}
    with spooled(out, (2, SIDE, SIDE, 3)) as pictures:
        for maps in activation_maps(units, requests, images):
            _spool_image(pictures, maps, by_image[maps.image], units, side)
        return _draw_sheets(pictures, located, units, examples, chosen, side, out)


@dataclass(frozen=True)
class _LocatedExample:
    """An example to draw: its number in the spool, its group (an index of `_GROUPS`), and its row and column."""

    number: int
    unit: int
    group: int
    image: int
    row: int
    column: int
    caption: str


def _locate(examples: DatasetExamples, chosen: Sequence[int]) -> list[_LocatedExample]:
    located: list[_LocatedExample] = []
    for unit in chosen:
        values = [_number(value) for value in examples.top.value[unit].tolist()]
        ranks = zip(examples.rank[unit].tolist(), examples.samples.value[unit].tolist(), strict=True)
        groups = [
            (examples.top, values),
            (examples.samples, [f"{rank:.2f}: {_number(value)}" for rank, value in ranks]),
        ]
        for group, (positions, captions) in enumerate(groups):
            for position, caption in zip(positions.positions(unit), captions, strict=False):
                located.append(_LocatedExample(len(located), unit, group, *position, caption))
    return located


def _number(value: float) -> str:
    """Format with three digits, without an exponent for large numbers."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _spool_image(
    pictures: "Spooled", maps: ActivationMaps, located: Sequence[_LocatedExample], units: Units, side: int
) -> None:
    """Draw the pictures of one image's examples into the spool."""
    pixels, layer = maps.pixels.numpy(), units.layer
    for example in located:
        square = square_around(layer, example.row, example.column, side, pixels.shape[1])
        whole = overlay_map(pixels, maps.maps[example.unit].numpy(), layer, square)
        pictures.write(example.number, np.stack([crop(pixels, square), whole]))


def _draw_sheets(
    pictures: "Spooled",
    located: Sequence[_LocatedExample],
    units: Units,
    examples: DatasetExamples,
    chosen: Sequence[int],
    side: int,
    out: Path,
) -> list[Path]:
    groups: dict[tuple[int, int], list[_LocatedExample]] = defaultdict(list)
    for example in located:
        groups[example.unit, example.group].append(example)
    paths = [out / f"{unit:05d}-examples.png" for unit in chosen]
    with Progress("sheets", len(chosen), "units") as progress:
        for unit, path in zip(chosen, paths, strict=True):
            sheet = [
                [_read_example(pictures, example) for example in groups[unit, group]] for group in range(len(_GROUPS))
            ]
            draw_sheet(sheet, _sheet_text(units, examples, unit, side), path, _metadata(units, unit))
            progress.update(1)
    return paths


def _read_example(pictures: "Spooled", example: _LocatedExample) -> SheetExample:
    pair = pictures.read(example.number)
    crop_picture, whole = (None, None) if pair is None else pair
    return SheetExample(crop_picture, whole, example.caption)


def _sheet_text(units: Units, examples: DatasetExamples, unit: int, side: int) -> SheetText:
    layer, fires = units.layer, int(examples.fires[unit])
    share = f"{fires / examples.images:.1%}" if 0 < fires < examples.images else ("all" if fires else "none")
    maximum = f"; maximum {_number(examples.top.value[unit, 0].item())}" if fires else ""
    extent = "all" if side >= layer.receptive_field else f"the middle {side} px"
    crops = f"; crops: {extent} of the {layer.receptive_field} px receptive field" if fires else ""
    return SheetText(
        f"{units.network.name} {layer.name}, {units.kind.removesuffix('s')} {unit}",
        f"fires in {share} of {examples.images:,} images{maximum}{crops}",
        _FOOTER if fires else "",
        _GROUPS,
    )


def _metadata(units: Units, unit: int) -> dict[str, str]:
    return {
        "Software": f"visae {VERSION}",
        "network": units.network.name,
        "layer": units.layer.name,
        "kind": units.kind,
        "unit": str(unit),
    }


def draw_sheet(groups: Sequence[Sequence[SheetExample]], text: SheetText, path: Path, metadata: dict[str, str]) -> None:
    """Draw groups of examples side by side, up to eight in a row, into a PNG with text entries `metadata`."""
    labelled = [(label, group) for label, group in zip(text.groups, groups, strict=True) if group]
    widths = [_group_width(min(len(group), _COLUMNS)) for _, group in labelled]
    rows = max((-(-len(group) // _COLUMNS) for _, group in labelled), default=0)
    width = max(2 * _MARGIN + sum(widths) + _GROUP_GAP * (len(widths) - 1), _LEAST_WIDTH)
    sheet = Image.new("RGB", (width, _HEADER + _LABEL * bool(rows) + rows * _ROW + _FOOT + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, 14), text.title, _INK, _font(_TITLE, bold=True))
    draw.text((_MARGIN, 41), text.subtitle, _GREY, _font(_TEXT))
    left = _MARGIN
    for (label, group), group_width in zip(labelled, widths, strict=True):
        draw.text((left, _HEADER + _LABEL - 6), label, _INK, _font(_TEXT), anchor="ls")
        _draw_group(sheet, draw, group, left)
        left += group_width + _GROUP_GAP
    draw.text((_MARGIN, sheet.height - _MARGIN), text.footer, _PALE, _font(_SMALL), anchor="ls")
    save_image(sheet, path, metadata)


def _draw_group(sheet: Image.Image, draw: ImageDraw.ImageDraw, group: Sequence[SheetExample], left: int) -> None:
    for index, example in enumerate(group):
        x = left + index % _COLUMNS * (SIDE + _GAP)
        y = _HEADER + _LABEL + index // _COLUMNS * _ROW
        for picture, top in ((example.crop, y), (example.whole, y + SIDE + 3)):
            if picture is None:
                draw.rectangle((x, top, x + SIDE - 1, top + SIDE - 1), fill="#eeeeee")
            else:
                sheet.paste(Image.fromarray(picture), (x, top))
        draw.text((x + SIDE / 2, y + 2 * SIDE + 8), example.caption, _GREY, _font(_SMALL), anchor="ma")


def _group_width(columns: int) -> int:
    return columns * (SIDE + _GAP) - _GAP


@cache
def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The font shipped with matplotlib: the same on every machine."""
    family = font_manager.FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    return ImageFont.truetype(font_manager.findfont(family), size)


class Spooled:
    """Arrays of one shape, kept in a file by number: see `spooled`."""

    def __init__(self, file: IO[bytes], shape: tuple[int, ...]):
        self._file, self._shape, self._bytes = file, shape, int(np.prod(shape))
        self._written: set[int] = set()

    def write(self, number: int, array: UInt8[np.ndarray, "..."]) -> None:
        """Store an array under a number."""
        self._file.seek(number * self._bytes)
        self._file.write(array.tobytes())
        self._written.add(number)

    def read(self, number: int) -> UInt8[np.ndarray, "..."] | None:
        """Return the array stored under a number; None if there is none."""
        if number not in self._written:
            return None
        self._file.seek(number * self._bytes)
        return np.frombuffer(self._file.read(self._bytes), np.uint8).reshape(self._shape)


@contextmanager
def spooled(folder: Path, shape: tuple[int, ...]) -> Iterator[Spooled]:
    """Context manager: keep arrays of a shape in a temporary file in `folder`, deleted on exit.

    Raises `VisaeError` if the folder cannot be written or the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            yield Spooled(file, shape)
    except OSError as error:
        raise VisaeError(f"cannot write in {folder}: {error.strerror or error}") from error
