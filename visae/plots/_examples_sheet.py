"""A unit's dataset examples on one sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from visae.featurevis._png import save_image
from visae.plots._panels import SIDE

_COLUMNS = 8  # examples beside each other, at most
_GAP, _BETWEEN, _MARGIN = 6, 34, 20  # px
_HEAD, _LABEL, _LINE, _FOOT = 62, 24, 26, 22  # px of height
_TITLE, _TEXT, _SMALL = 21, 14, 12  # px of letters
_INK, _GREY, _PALE = "#1a1a1a", "#5a5a5a", "#8a8a8a"
_LEAST = 720  # px, width of the narrowest sheet, which the words need


@dataclass(frozen=True, eq=False)
class Shown:
    """An example: `crop` and `whole` as `_panels` makes them, and the words below. None for what is gone."""

    crop: UInt8[np.ndarray, "z z 3"] | None
    whole: UInt8[np.ndarray, "z z 3"] | None
    words: str


@dataclass(frozen=True)
class Words:
    """What stands on a sheet: in its title, below it, at its foot, and over each of its groups of examples."""

    title: str
    about: str
    foot: str
    groups: Sequence[str]


def draw_sheet(groups: Sequence[Sequence[Shown]], words: Words, path: Path, about: dict[str, str]) -> None:
    """Draw groups of examples beside each other, eight a row, each over its whole image, into a PNG.

    about: the PNG's text entries.
    """
    shown = [(label, group) for label, group in zip(words.groups, groups, strict=True) if group]
    wide = [_width(min(len(group), _COLUMNS)) for _, group in shown]
    rows = max((-(-len(group) // _COLUMNS) for _, group in shown), default=0)
    width = max(2 * _MARGIN + sum(wide) + _BETWEEN * (len(wide) - 1), _LEAST)
    sheet = Image.new("RGB", (width, _HEAD + _LABEL * bool(rows) + rows * _ROW + _FOOT + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, 14), words.title, _INK, _font(_TITLE, bold=True))
    draw.text((_MARGIN, 41), words.about, _GREY, _font(_TEXT))
    left = _MARGIN
    for (label, group), across in zip(shown, wide, strict=True):
        draw.text((left, _HEAD + _LABEL - 6), label, _INK, _font(_TEXT), anchor="ls")
        _draw_group(sheet, draw, group, left)
        left += across + _BETWEEN
    draw.text((_MARGIN, sheet.height - _MARGIN), words.foot, _PALE, _font(_SMALL), anchor="ls")
    save_image(sheet, path, about)


_ROW = 2 * SIDE + 3 + _LINE


def _draw_group(sheet: Image.Image, draw: ImageDraw.ImageDraw, group: Sequence[Shown], left: int) -> None:
    for index, shown in enumerate(group):
        x = left + index % _COLUMNS * (SIDE + _GAP)
        y = _HEAD + _LABEL + index // _COLUMNS * _ROW
        for picture, top in ((shown.crop, y), (shown.whole, y + SIDE + 3)):
            if picture is None:
                draw.rectangle((x, top, x + SIDE - 1, top + SIDE - 1), fill="#eeeeee")
            else:
                sheet.paste(Image.fromarray(picture), (x, top))
        draw.text((x + SIDE / 2, y + 2 * SIDE + 8), shown.words, _GREY, _font(_SMALL), anchor="ma")


def _width(columns: int) -> int:
    return columns * (SIDE + _GAP) - _GAP


@cache
def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The letters that matplotlib brings along: the same on every machine."""
    family = font_manager.FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    return ImageFont.truetype(font_manager.findfont(family), size)
