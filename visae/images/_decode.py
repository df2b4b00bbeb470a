"""Decode the bytes of an image file to square RGB pixels."""

import io
import re

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL.ImageFile import ImageFile
from torch import Tensor

from visae.images._source import Unreadable

# `Image.open` tries fifty formats, some of which launch other programs, and warns about huge images through
# process-wide filters, which threads cannot change safely. So these readers are called directly.
_FORMATS: tuple[tuple[str, re.Pattern[bytes], type[ImageFile]], ...] = (
    ("JPEG", re.compile(rb"\xff\xd8\xff"), JpegImagePlugin.JpegImageFile),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n"), PngImagePlugin.PngImageFile),
    ("WebP", re.compile(rb"RIFF.{4}WEBP", re.DOTALL), WebPImagePlugin.WebPImageFile),
    ("BMP", re.compile(rb"BM"), BmpImagePlugin.BmpImageFile),
    ("TIFF", re.compile(rb"II[*+]\0|MM\0[*+]"), TiffImagePlugin.TiffImageFile),
    ("GIF", re.compile(rb"GIF8[79]a"), GifImagePlugin.GifImageFile),
)
_ORIENTATION = 0x0112
_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Deep gray values do not declare their scale: the first of these ranges that holds all of them is assumed.
_FULL_SCALES: dict[str, tuple[float, ...]] = {
    "I;16": (65535,),
    "I;16L": (65535,),
    "I;16B": (65535,),
    "I;16N": (65535,),
    "I": (65535, 2**31 - 1),
    "F": (1, 255, 65535),
}


def decode(data: bytes, resize: int, crop: int) -> UInt8[Tensor, "3 s s"]:
    """Decode an image, upright and over white: resize its short side to `resize`, centre-crop it to `crop` px.

    JPEG, PNG, WebP, BMP, TIFF and GIF are recognised by their content, never by file name; only the first of several
    frames is read. The geometry matches torchvision's `Resize(resize)` and `CenterCrop(crop)` on a PIL image, with
    antialiasing. Raises `Unreadable` with the reason, whatever is wrong with the bytes, and for images with more than
    `PIL.Image.MAX_IMAGE_PIXELS` pixels, before they are decoded or resized.
    """
    kind, reader = _format(data)
    try:
        with reader(io.BytesIO(data)) as image:
            _refuse_huge(*image.size)
            image.load()
            square = _square(_upright(to_rgb(image), image), resize, crop)
    except Unreadable:
        raise
    except Exception as error:  # damaged files make Pillow raise almost anything
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise Unreadable(f"damaged {kind}: {reason}") from error
    return torch.from_numpy(np.array(square).transpose(2, 0, 1).copy())


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert any of Pillow's modes to 8-bit RGB: deep gray is scaled rather than clipped, alpha composited over white.

    16-bit gray v becomes v / 257. 32-bit integers count as 16-bit if all of them fit, floats as 0..1, 0..255 or
    0..65535, whichever fits first. LAB is read under the D50 illuminant.
    Raises `Unreadable` for gray values outside every known range, and `ValueError` for unknown modes.
    """
    if image.mode in _FULL_SCALES:
        return _scaled(image).convert("RGB")
    if image.mode == "LAB":
        return _from_lab(image)
    if image.has_transparency_data:
        return _over_white(image)
    return image.convert("RGB")


def _format(data: bytes) -> tuple[str, type[ImageFile]]:
    if not data:
        raise Unreadable("empty file")
    for kind, signature, reader in _FORMATS:
        if signature.match(data):
            return kind, reader
    raise Unreadable(f"not a JPEG, PNG, WebP, BMP, TIFF or GIF: it begins with {data[:8]!r}")


def _refuse_huge(width: int, height: int) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > limit:
        raise Unreadable(f"{width} x {height} px, more than Pillow's limit of {limit} pixels")


def _upright(rgb: Image.Image, image: Image.Image) -> Image.Image:
    """Apply the orientation in the file's EXIF; Pillow has already done so for TIFF."""
    try:
        transpose = _TO_UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF does not make the photograph unreadable
        return rgb
    return rgb if transpose is None else rgb.transpose(transpose)


def _square(image: Image.Image, resize: int, crop: int) -> Image.Image:
    """Resize and crop as torchvision does: the long side is truncated, the margins are rounded."""
    short = min(image.size)
    width, height = (int(resize * side / short) for side in image.size)
    _refuse_huge(width, height)
    left, top = round((width - crop) / 2), round((height - crop) / 2)
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    return resized.crop((left, top, left + crop, top + crop))


def _scaled(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    for full in _FULL_SCALES[image.mode]:
        if 0 <= low <= high <= full:
            scaled = values.astype(np.float32) * np.float32(255 / full) + np.float32(0.5)
            return Image.fromarray(scaled.astype(np.uint8))
    raise Unreadable(f"gray values from {low:g} to {high:g}, expected 0..{_FULL_SCALES[image.mode][-1]}")


def _over_white(image: Image.Image) -> Image.Image:
    straight = {"RGBa": "RGBA", "La": "LA"}.get(image.mode, image.mode)
    colours = image.convert(straight).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), colours).convert("RGB")


def _from_lab(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.applyTransform(image, ImageCms.buildTransform(lab, srgb, "LAB", "RGB"))
    if converted is None:
        raise ValueError("LAB without a conversion")
    return converted
