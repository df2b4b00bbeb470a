"""From any of Pillow's modes to 8-bit RGB over white."""

import numpy as np
from PIL import Image, ImageCms

from visae.images._source import Unreadable

# Deep gray values do not say their own scale: the first of these ranges that holds them all is taken.
_FULL_SCALES: dict[str, tuple[float, ...]] = {
    "I;16": (65535,),
    "I;16L": (65535,),
    "I;16B": (65535,),
    "I;16N": (65535,),
    "I": (65535, 2**31 - 1),
    "F": (1, 255, 65535),
}


def to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB: deep gray values scaled rather than clipped, transparency laid over white, LAB taken as D50.

    16-bit gray v becomes v / 257. Whole numbers of 32 bits count as 16-bit ones where all of them fit,
    floats as 0..1, 0..255 or 0..65535, whichever is the first that fits.
    Raises `Unreadable` for gray values that no known range holds, and `ValueError` for unknown modes.
    """
    if image.mode in _FULL_SCALES:
        return _scaled(image).convert("RGB")
    if image.mode == "LAB":
        return _from_lab(image)
    if image.has_transparency_data:
        return _over_white(image)
    return image.convert("RGB")


def _scaled(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    for full in _FULL_SCALES[image.mode]:
        if 0 <= low <= high <= full:
            return Image.fromarray(
                (values.astype(np.float32) * np.float32(255 / full) + np.float32(0.5)).astype(np.uint8)
            )
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
