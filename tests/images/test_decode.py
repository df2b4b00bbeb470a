import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import CenterCrop, Resize

from visae.images import Unreadable
from visae.images._decode import decode

SIDE = 16


def noise(height=SIDE, width=SIDE, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decoded(data):
    """The decoded pixels of a 16 x 16 image, `[16, 16, 3]`, without resizing or cropping."""
    return decode(data, SIDE, SIDE).permute(1, 2, 0).numpy()


def png(width, height, depth, colour, rows):
    """A hand-written PNG: `rows` are its raw pixels, unfiltered."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_lossless_formats_are_exact(kind, options):
    assert (decoded(encoded(Image.fromarray(noise()), kind, **options)) == noise()).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_modes(mode):
    ramp = np.broadcast_to(np.linspace(20, 230, SIDE).astype(np.uint8)[:, None], (SIDE, SIDE))
    image = Image.fromarray(np.stack([ramp, ramp.T, ramp], 2)).convert(mode)
    data = encoded(image, "JPEG", quality=97, subsampling=0)
    assert Image.open(io.BytesIO(data)).mode == mode
    assert np.abs(decoded(data).astype(int) - np.asarray(image.convert("RGB"))).max() <= 8


def test_cmyk_jpeg_is_not_inverted():
    paper_with_cyan = Image.new("CMYK", (SIDE, SIDE), (255, 0, 0, 0))
    assert decoded(encoded(paper_with_cyan, "JPEG")).mean((0, 1)) == pytest.approx([0, 255, 255], abs=3)


DEEP = (np.arange(SIDE * SIDE) * 257).astype(np.uint16).reshape(SIDE, SIDE)
EIGHT = np.repeat(np.arange(SIDE * SIDE).reshape(SIDE, SIDE, 1), 3, 2)


@pytest.mark.parametrize(
    ("kind", "mode", "values"),
    [
        ("PNG", "I;16", DEEP),
        ("TIFF", "I;16", DEEP),
        ("TIFF", "I;16B", DEEP.astype(">u2")),
        ("TIFF", "I", DEEP.astype(np.int32)),
        ("TIFF", "F", DEEP.astype(np.float32)),
        ("TIFF", "F", DEEP.astype(np.float32) / 65535),
    ],
)
def test_deep_gray_files_are_scaled(kind, mode, values):
    data = encoded(Image.frombytes(mode, (SIDE, SIDE), values.tobytes()), kind)
    assert Image.open(io.BytesIO(data)).mode == mode
    assert (decoded(data) == EIGHT).all()


def test_16_bit_rgb_png_keeps_the_high_bytes():
    values = noise().astype(np.uint16) * 256 + 255
    data = png(SIDE, SIDE, 16, 2, [row.astype(">u2").tobytes() for row in values])
    assert (decoded(data) == noise()).all()


def test_16_bit_gray_png():
    data = png(SIDE, SIDE, 16, 0, [row.astype(">u2").tobytes() for row in DEEP])
    assert (decoded(data) == EIGHT).all()


def test_one_bit_png():
    bits = noise(channels=1)[..., 0] > 127
    data = encoded(Image.fromarray(bits), "PNG")
    assert Image.open(io.BytesIO(data)).mode == "1"
    assert (decoded(data) == 255 * bits[..., None]).all()


@pytest.mark.parametrize(("mode", "kind"), [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF")])
def test_alpha_is_composited_over_white(mode, kind):
    values = noise(channels=len(mode))
    image = Image.fromarray(values, mode=mode) if mode == "RGBA" else Image.fromarray(values)
    data = encoded(image, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    alpha = values[..., -1:] / 255
    expected = np.broadcast_to(values[..., :-1] * alpha + 255 * (1 - alpha), (SIDE, SIDE, 3))
    assert decoded(data) == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_is_composited_over_white(kind):
    image = Image.new("P", (SIDE, SIDE), 1)
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.paste(0, (0, 0, SIDE, 8))
    pixels = decoded(encoded(image, kind, transparency=0))
    assert (pixels[:8] == 255).all()
    assert (pixels[8:] == [0, 0, 200]).all()


def test_lab_tiff():
    # L* 60, a* 30, b* 20 under D50; the formulas are in test_decode_modes.
    data = encoded(Image.new("LAB", (SIDE, SIDE), (153, 158, 148)), "TIFF")
    assert bytes([153, 30, 20]) in data
    assert decoded(data)[3, 3].tolist() == pytest.approx([201, 123, 111], abs=2)


def test_the_first_frame_of_a_gif_is_read():
    red, blue = (Image.new("RGB", (SIDE, SIDE), colour) for colour in ("red", "blue"))
    assert (decoded(encoded(red, "GIF", save_all=True, append_images=[blue])) == [255, 0, 0]).all()


# As EXIF defines them: the side of the scene on which the first stored row lies, then the first column.
ORIENTATIONS = {
    1: lambda scene: scene,
    2: lambda scene: scene[:, ::-1],
    3: lambda scene: scene[::-1, ::-1],
    4: lambda scene: scene[::-1],
    5: lambda scene: scene.transpose(1, 0, 2),
    6: lambda scene: scene[:, ::-1].transpose(1, 0, 2),
    7: lambda scene: scene[::-1, ::-1].transpose(1, 0, 2),
    8: lambda scene: scene[::-1].transpose(1, 0, 2),
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_orientation_is_applied(orientation, kind):
    scene = noise(SIDE, SIDE + 8)
    stored = Image.fromarray(np.ascontiguousarray(ORIENTATIONS[orientation](scene)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    assert (decoded(data) == scene[:, 4:-4]).all()


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_orientation_of_a_jpeg(orientation):
    scene = np.full((SIDE, SIDE, 3), 255, np.uint8)
    scene[:8, :8] = 0
    scene[:8, 8:] = 128
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(ORIENTATIONS[orientation](scene)))
    assert decoded(encoded(stored, "JPEG", exif=exif, quality=95)) == pytest.approx(scene, abs=8)


@pytest.mark.parametrize("orientation", [0, 9, 4000])
def test_an_invalid_orientation_is_ignored(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert (decoded(encoded(Image.fromarray(noise()), "PNG", exif=exif)) == noise()).all()


@pytest.mark.parametrize(
    "exif", [b"", b"garbage", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\0\x09", b"II*\0\x08\0\0\0\x01\0"]
)
def test_damaged_exif_is_ignored(exif):
    data = encoded(Image.fromarray(noise()), "PNG", exif=b"Exif\0\0" + exif)
    assert (decoded(data) == noise()).all()


@pytest.mark.parametrize(
    ("width", "height", "resize", "crop"),
    [
        (64, 48, 32, 24),
        (333, 500, 256, 224),
        (500, 333, 255, 224),
        (37, 91, 64, 63),
        (91, 37, 65, 64),
        (9, 11, 50, 33),
        (101, 101, 101, 100),
        (256, 301, 256, 225),
        (7, 300, 20, 20),
    ],
)
def test_the_geometry_is_that_of_torchvision(width, height, resize, crop):
    image = Image.fromarray(noise(height, width))
    expected = torch.from_numpy(np.array(CenterCrop(crop)(Resize(resize)(image)))).permute(2, 0, 1)
    assert torch.equal(decode(encoded(image, "PNG"), resize, crop), expected)


def test_the_format_is_recognised_by_content():
    assert decode(encoded(Image.fromarray(noise()), "PNG"), 20, 8).shape == (3, 8, 8)
    with pytest.raises(Unreadable, match=r"not a JPEG, PNG, .* begins with b'hello, w'"):
        decode(b"hello, world", 20, 8)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("PNG", {}),
        ("WEBP", {}),
        ("BMP", {}),
        ("TIFF", {"compression": "tiff_deflate"}),
        ("GIF", {}),
    ],
)
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.7])
def test_truncated_files_are_unreadable(kind, options, kept):
    data = encoded(Image.fromarray(noise(64, 64)), kind, **options)
    with pytest.raises(Unreadable, match=r"damaged|not a JPEG") as error:
        decode(data[: int(kept * len(data))], SIDE, SIDE)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 160


def test_empty_files_are_unreadable():
    with pytest.raises(Unreadable, match=r"^empty file$"):
        decode(b"", SIDE, SIDE)


@pytest.mark.parametrize(
    "start",
    [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBPVP8 ", b"BM", b"II*\0", b"MM\0*", b"GIF89a"],
)
@pytest.mark.parametrize("seed", range(5))
def test_garbage_after_a_signature_is_unreadable(start, seed):
    with pytest.raises(Unreadable, match=r"damaged|more than Pillow's limit"):
        decode(start + noise(20, 20, seed=seed).tobytes(), SIDE, SIDE)


@pytest.mark.parametrize("side", [10_000, 12_000, 60_000, 2**31 - 1])
def test_a_huge_declared_size_is_refused_before_decoding(side):
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(Unreadable, match=f"{side} x {side} px, more than Pillow's limit of {limit} pixels"):
        decode(png(side, side, 8, 2, []), SIDE, SIDE)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_the_users_pixel_limit_holds(monkeypatch):
    data = encoded(Image.fromarray(noise()), "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(Unreadable, match="16 x 16 px"):
        decode(data, 10, 10)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert (decoded(data) == noise()).all()


def test_a_thin_image_is_refused_before_it_is_resized_to_a_huge_one():
    data = encoded(Image.fromarray(noise(1, 20_000)), "PNG")
    with pytest.raises(Unreadable, match="5120000 x 256 px"):
        decode(data, 256, 224)


@pytest.mark.parametrize(
    "fault",
    [MemoryError(), OSError("bad\nblock"), struct.error("short"), IndexError("7"), RuntimeError("odd")],
)
def test_any_exception_of_pillow_makes_the_file_unreadable(monkeypatch, fault):
    def fail(_):
        raise fault

    data = encoded(Image.fromarray(noise()), "PNG")
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", fail)
    reason = " ".join(str(fault).split()) or "MemoryError"
    with pytest.raises(Unreadable, match=f"^damaged PNG: {reason}$"):
        decode(data, SIDE, SIDE)
