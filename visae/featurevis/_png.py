"""PNG files of pictures, alone and on contact sheets, with their settings in the metadata."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from visae._support import files
from visae._support.errors import VisaeError
from visae.images import to_float

_KEY = "visae"
_GAP, _LABEL = 4, 12  # px of white between pictures, and below each for its label
_SMALLEST = 48  # px; smaller pictures are enlarged on a sheet, by integer factors


def save_png(picture: Float[Tensor, "c h w"], path: str | Path, about: Mapping[str, Any]) -> None:
    """Write a picture, 0..1, RGB or RGB and alpha, atomically, with `about` as JSON in its metadata."""
    save_image(Image.fromarray(_pixels(picture)), path, _texts(about))


def save_image(image: Image.Image, path: str | Path, texts: Mapping[str, str]) -> None:
    """Write an image atomically, with text entries in its metadata."""
    info, data = PngInfo(), io.BytesIO()
    for name, text in texts.items():
        info.add_itxt(name, text)
    image.save(data, "png", pnginfo=info, optimize=True)
    files.write_bytes(Path(path), data.getvalue())


def read_about(path: str | Path) -> dict[str, Any] | None:
    """Read the metadata written by `save_png`; None for a missing or damaged file, or one from another program."""
    try:
        with Image.open(path) as image:
            about = json.loads(image.info[_KEY])
    except (OSError, KeyError, ValueError):
        return None
    return about if isinstance(about, dict) else None


def load_png(path: str | Path) -> Float[Tensor, "c h w"]:
    """Read a picture written by `save_png`, 0..1, in steps of 1/255."""
    with Image.open(path) as image:
        return to_float(torch.from_numpy(np.array(image)).permute(2, 0, 1))


def save_sheet(
    pictures: Float[Tensor, "n c s s"],
    labels: Sequence[str],
    path: str | Path,
    about: Mapping[str, Any],
    columns: int | None = None,
) -> None:
    """Write a contact sheet of pictures, each above its label; roughly square if `columns` is None.

    The metadata contain `about` and, under `cells`, each picture's label and the left, top and side of its square, px.
    Raises `VisaeError` unless there is a label for each picture.
    """
    if len(pictures) != len(labels):
        raise VisaeError(f"{len(pictures)} pictures but {len(labels)} labels; give one label per picture")
    count, factor = len(pictures), max(-(-_SMALLEST // pictures.shape[-1]), 1)
    side = factor * pictures.shape[-1]
    across = min(columns or round(count**0.5 + 0.5), count)
    step = side + _GAP
    sheet = Image.new("RGB", (across * step + _GAP, -(-count // across) * (step + _LABEL) + _GAP), "white")
    pen, cells = ImageDraw.Draw(sheet), []
    for index, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        left, top = _GAP + index % across * step, _GAP + index // across * (step + _LABEL)
        tile = Image.fromarray(_pixels(picture)).resize((side, side), Image.Resampling.NEAREST)
        sheet.paste(tile, (left, top), tile if tile.mode == "RGBA" else None)
        pen.text((left, top + side), label, fill="black", font_size=_LABEL - 2)
        cells.append({"label": label, "left": left, "top": top, "side": side})
    save_image(sheet, path, _texts({**about, "cells": cells}))


def _pixels(picture: Float[Tensor, "c h w"]) -> UInt8[np.ndarray, "h w c"]:
    return np.asarray((picture.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy())


def _texts(about: Mapping[str, Any]) -> dict[str, str]:
    return {_KEY: json.dumps(about, sort_keys=True)}
