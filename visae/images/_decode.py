"""From the bytes of an image file to square RGB pixels."""

import io
import re

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL.ImageFile import ImageFile
from torch import Tensor

from visae.images._modes import to_rgb
from visae.images._source import Unreadable

# Pillow's own `Image.open` tries fifty formats, some of which start other programs, and warns about huge
# images through filters of the whole process, which threads cannot change safely. These are called directly.
_FORMATS: tuple[tuple[str, re.Pattern[bytes], type[ImageFile]], ...] = (
    ("JPEG", re.compile(rb"\xff\xd8\xff"), JpegImagePlugin.JpegImageFile),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n"), PngImagePlugin.PngImageFile),
    ("WebP", re.compile(rb"RIFF.{4}WEBP", re.DOTALL), WebPImagePlugin.WebPImageFile),
    ("BMP", re.compile(rb"BM"), BmpImagePlugin.BmpImageFile),
    ("TIFF", re.compile(rb"II[*+]\0|MM\0[*+]"), TiffImagePlugin.TiffImageFile),
    ("GIF", re.compile(rb"GIF8[79]a"), GifImagePlugin.GifImageFile),
)
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(data: bytes, resize: int, crop: int) -> UInt8[Tensor, "3 s s"]:
    """The image in `data`, upright and over white: short side resized to `resize`, middle cropped to `crop`.

    JPEG, PNG, WebP, BMP, TIFF and GIF are known by their content, never by a name; of several frames the
    first counts. The geometry is that of torchvision's `Resize(resize)` and `CenterCrop(crop)` on a PIL
    image, with antialiasing. Raises `Unreadable` with the reason, whatever is wrong with the bytes,
    and for images of more pixels than `PIL.Image.MAX_IMAGE_PIXELS`, before they are decoded or resized.
    """
    kind, reader = _format(data)
    try:
        with reader(io.BytesIO(data)) as image:
            _refuse_huge(*image.size)
            image.load()
            square = _square(_upright(to_rgb(image), image), resize, crop)
    except Unreadable:
        raise
    except Exception as error:  # damaged files make Pillow raise nearly anything
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise Unreadable(f"damaged {kind}: {reason}") from error
    return torch.from_numpy(np.array(square).transpose(2, 0, 1).copy())


def _format(data: bytes) -> tuple[str, type[ImageFile]]:
    if not data:
        raise Unreadable("empty file")
    for kind, signature, reader in _FORMATS:
        if signature.match(data):
            return kind, reader
    raise Unreadable(f"not a JPEG, PNG, WebP, BMP, TIFF or GIF: it begins with {data[:8]!r}")


def _refuse_huge(width: int, height: int) -> None:
    most = Image.MAX_IMAGE_PIXELS
    if most is not None and width * height > most:
        raise Unreadable(f"{width} x {height} px, more than Pillow's limit of {most} pixels")


def _upright(rgb: Image.Image, image: Image.Image) -> Image.Image:
    """Turn the pixels as the file's EXIF says; Pillow has done so already for TIFF."""
    try:
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a photograph whose EXIF is damaged is still a photograph
        return rgb
    return rgb if turn is None else rgb.transpose(turn)


def _square(image: Image.Image, resize: int, crop: int) -> Image.Image:
    """As torchvision does it: the long side is truncated, the margins are rounded."""
    short = min(image.size)
    width, height = (int(resize * side / short) for side in image.size)
    _refuse_huge(width, height)
    left, top = round((width - crop) / 2), round((height - crop) / 2)
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    return resized.crop((left, top, left + crop, top + crop))
