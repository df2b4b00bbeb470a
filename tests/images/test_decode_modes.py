import numpy as np
import pytest
from PIL import Image

from visae.images import Unreadable
from visae.images._decode import to_rgb


def filled(mode, *values):
    """An image of 2 x 1 px with one value."""
    image = Image.new(mode, (2, 1))
    image.putdata([values if len(values) > 1 else values[0]] * 2)
    return image


def deep(mode, dtype, value):
    image = Image.frombytes(mode, (2, 1), np.full((1, 2), value, dtype).tobytes())
    assert image.mode == mode
    return image


def pixel(image):
    rgb = to_rgb(image)
    assert rgb.mode == "RGB"
    return rgb.getpixel((1, 0))


def keyed(image, key):
    image.info["transparency"] = key
    return image


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (filled("1", 1), (255, 255, 255)),
        (filled("L", 90), (90, 90, 90)),
        (filled("RGB", 10, 20, 30), (10, 20, 30)),
        (filled("RGBX", 10, 20, 30, 0), (10, 20, 30)),
        (filled("CMYK", 0, 255, 255, 0), (255, 0, 0)),
        (filled("HSV", 0, 255, 200), (200, 0, 0)),
        (filled("RGBA", 200, 100, 0, 255), (200, 100, 0)),
        (filled("RGBA", 200, 100, 0, 51), (244, 224, 204)),
        (filled("RGBA", 9, 9, 9, 0), (255, 255, 255)),
        (filled("RGBa", 40, 20, 0, 51), (244, 224, 204)),
        (filled("LA", 100, 51), (224, 224, 224)),
        (filled("La", 20, 51), (224, 224, 224)),
        (keyed(filled("L", 90), 90), (255, 255, 255)),
        (keyed(filled("L", 90), 91), (90, 90, 90)),
        (keyed(filled("RGB", 1, 2, 3), (1, 2, 3)), (255, 255, 255)),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else "",
)
def test_modes_are_converted_to_rgb(image, expected):
    assert pixel(image) == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(("luma", "blue", "red", "expected"), [(76, 85, 255, (254, 0, 0)), (128, 128, 128, (128,) * 3)])
def test_ycbcr(luma, blue, red, expected):
    assert pixel(filled("YCbCr", luma, blue, red)) == pytest.approx(expected, abs=2)


def srgb(lightness, a, b):
    """CIELAB under D50 to sRGB, 0..255: the formulas of CIE 15 and IEC 61966-2-1, with Bradford adaptation."""
    f = np.array([a / 500, 0, -b / 200]) + (lightness + 16) / 116
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * [0.96422, 1.0, 0.82521]
    to_linear = np.array([[3.13386, -1.61687, -0.49061], [-0.97877, 1.91614, 0.03345], [0.07195, -0.22899, 1.40524]])
    linear = np.clip(xyz @ to_linear.T, 0, 1)
    return 255 * np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)


@pytest.mark.parametrize(
    ("lightness", "a", "b"),
    [(100, 0, 0), (0, 0, 0), (60, 30, 20), (60, -30, 20), (60, 5, -40), (80, -20, 50)],
)
def test_lab(lightness, a, b):
    # Pillow stores L as 0..255, a and b with an offset of 128.
    expected = srgb(lightness, a, b)
    assert pixel(filled("LAB", round(lightness * 2.55), a + 128, b + 128)) == pytest.approx(expected, abs=2)


@pytest.mark.parametrize(
    ("mode", "dtype", "value", "gray"),
    [
        ("I;16", "<u2", 0, 0),
        ("I;16", "<u2", 257 * 100, 100),
        ("I;16", "<u2", 257 * 100 + 129, 101),
        ("I;16", "<u2", 65535, 255),
        ("I;16L", "<u2", 257 * 7, 7),
        ("I;16B", ">u2", 257 * 200, 200),
        ("I;16N", "=u2", 257 * 200, 200),
        ("I", "=i4", 257 * 50, 50),
        ("I", "=i4", 2**31 - 1, 255),
        ("F", "=f4", 0.5, 128),
        ("F", "=f4", 200.0, 200),
        ("F", "=f4", 25700.0, 100),
    ],
)
def test_deep_gray_is_scaled(mode, dtype, value, gray):
    assert pixel(deep(mode, dtype, value)) == (gray, gray, gray)


@pytest.mark.parametrize(
    ("mode", "dtype", "value", "reason"),
    [
        ("I", "=i4", -5, "gray values from -5 to -5, expected 0..2147483647"),
        ("F", "=f4", -0.25, "gray values from -0.25 to -0.25, expected 0..65535"),
        ("F", "=f4", 1e9, r"gray values from 1e\+09 to 1e\+09"),
        ("F", "=f4", np.nan, "gray values from nan to nan"),
    ],
)
def test_gray_outside_every_known_scale_is_unreadable(mode, dtype, value, reason):
    with pytest.raises(Unreadable, match=reason):
        to_rgb(deep(mode, dtype, value))


@pytest.mark.parametrize("key", [1, b"\xff\x00\x80"])
def test_palette_with_transparency(key):
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.putdata([0, 1, 2])
    rgb = to_rgb(keyed(image, key))
    assert rgb.getpixel((0, 0)) == (10, 20, 30)
    assert rgb.getpixel((1, 0)) == (255, 255, 255)
    assert rgb.getpixel((2, 0)) == ((70, 80, 90) if key == 1 else pytest.approx((162, 167, 172), abs=1))


def test_palette_with_alpha():
    image = Image.new("PA", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([(1, 255), (1, 0)])
    assert [to_rgb(image).getpixel((x, 0)) for x in range(2)] == [(40, 50, 60), (255, 255, 255)]
