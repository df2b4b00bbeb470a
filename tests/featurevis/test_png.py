"""PNG files and contact sheets, with their metadata."""

import json

import pytest
import torch
from PIL import Image

from visae._support.errors import VisaeError
from visae.featurevis import save_png, save_sheet
from visae.featurevis._png import load_png, read_about

ABOUT = {"unit": 3, "layer": "mixed3b", "words": "ü → </script>"}


@pytest.mark.parametrize("channels", [3, 4])
def test_pictures_and_metadata_round_trip(tmp_path, channels):
    picture = torch.rand(channels, 5, 5, generator=torch.Generator().manual_seed(0))
    save_png(picture, tmp_path / "a.png", ABOUT)
    assert read_about(tmp_path / "a.png") == ABOUT
    assert torch.allclose(load_png(tmp_path / "a.png"), picture, atol=0.5 / 255 + 1e-6)


def test_other_files_have_no_metadata(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "other.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for name in ("other.png", "broken.png", "missing.png"):
        assert read_about(tmp_path / name) is None


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_cells_of_a_sheet_hold_the_pictures(tmp_path, count):
    pictures = torch.rand(count, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    save_sheet(pictures, [str(index) for index in range(count)], tmp_path / "sheet.png", ABOUT)
    with Image.open(tmp_path / "sheet.png") as sheet:
        cells = json.loads(sheet.info["visae"])["cells"]
        assert [cell["label"] for cell in cells] == [str(index) for index in range(count)]
        for cell, picture in zip(cells, pictures, strict=True):
            left, top, side = cell["left"], cell["top"], cell["side"]
            tile = torch.tensor(list(sheet.crop((left, top, left + side, top + side)).tobytes())).view(side, side, 3)
            large = torch.nn.functional.interpolate(picture[None], (side, side), mode="nearest")[0]
            assert torch.allclose(tile.permute(2, 0, 1) / 255, large, atol=0.01)


def test_small_pictures_are_enlarged_on_a_sheet(tmp_path):
    save_sheet(torch.rand(2, 3, 7, 7), ["0", "1"], tmp_path / "sheet.png", ABOUT)
    assert read_about(tmp_path / "sheet.png")["cells"][0]["side"] >= 48


def test_transparent_pixels_are_white_on_a_sheet(tmp_path):
    save_sheet(torch.zeros(1, 4, 64, 64), ["0"], tmp_path / "sheet.png", ABOUT)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.getpixel((30, 30)) == (255, 255, 255)


def test_a_sheet_needs_one_label_a_picture(tmp_path):
    with pytest.raises(VisaeError, match=r"2 pictures but 1 labels"):
        save_sheet(torch.rand(2, 3, 7, 7), ["0"], tmp_path / "sheet.png", ABOUT)
