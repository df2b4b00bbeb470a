import json

import pytest
from PIL import Image

from visae import cli
from visae.images import Leaves

pytestmark = pytest.mark.slow

LEAVES = ["--images", "leaves:12", "--crop", "64", "--device", "cpu"]


def fails(capsys, *arguments):
    """Return the last line that the command prints as it exits with 2."""
    with pytest.raises(SystemExit) as stop:
        cli.main(["examples", *map(str, arguments)])
    assert stop.value.code == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_sheets_and_a_report_are_written(tmp_path, capsys):
    cli.main(["examples", "planted:mixed", *LEAVES, "--units", "3,5:7", "--count", "4", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "3 neurons of mixed in 12 images\n" in printed
    assert str(tmp_path / "examples.json") in printed
    assert str(tmp_path / "00003-examples.png") in printed
    report = json.loads((tmp_path / "examples.json").read_text())
    assert (report["schema"], report["network"], report["layer"], report["images_read"]) == (1, "planted", "mixed", 12)
    assert report["settings"]["count"] == 4
    assert [unit["unit"] for unit in report["units"]] == [3, 5, 6]
    for unit in report["units"]:
        assert (tmp_path / f"{unit['unit']:05d}-examples.png").is_file()
        top = [entry["value"] for entry in unit["top"]]
        assert top == sorted(top, reverse=True)
        assert len(top) == min(4, unit["fires"])
        keys = [entry["image"] for entry in unit["top"] + unit["quantiles"]]
        assert len(keys) == len(set(keys))
        assert set(keys) <= {f"leaf {index}" for index in range(12)}
        assert all(entry["value"] <= top[-1] and 0 < entry["quantile"] < 1 for entry in unit["quantiles"])
    assert len(list(tmp_path.iterdir())) == 4


def test_features_of_a_dictionary_and_several_positions_per_image(recovered, tmp_path):
    folder = recovered[0] / "sae"
    cli.main(["examples", str(folder), *LEAVES, "--units", "0:4", "--per-image", "3", "--out", str(tmp_path)])
    report = json.loads((tmp_path / "examples.json").read_text())
    assert report["kind"] == "features"
    images = [[entry["image"] for entry in unit["top"]] for unit in report["units"]]
    assert max(keys.count(key) for keys in images for key in keys) == 3


def test_unreadable_images_are_reported(tmp_path, capsys):
    photos = tmp_path / "photos"
    photos.mkdir()
    for index in range(3):
        pixels = Leaves(3, 64).read(index)[0].permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(photos / f"{index}.png")
    (photos / "bad.jpg").write_bytes(b"")
    small = ["--resize", "64", "--crop", "64", "--device", "cpu", "--units", "0", "--out", str(tmp_path / "out")]
    cli.main(["examples", "planted:mixed", "--images", str(photos), *small])
    printed = capsys.readouterr()
    assert "in 3 images, 1 skipped" in printed.out
    assert "skipped bad.jpg: empty file" in printed.err


def test_bad_arguments_are_refused(tmp_path, capsys):
    out = ["--out", tmp_path / "out"]
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    planted = ["planted:mixed", *LEAVES]
    assert "from 0 to 47" in fails(capsys, *planted, "--units", "48", *out)
    assert "'x' in --units" in fails(capsys, *planted, "--units", "x", *out)
    assert "--count is 0" in fails(capsys, *planted, "--count", "0", *out)
    assert "--per-image is 0" in fails(capsys, *planted, "--per-image", "0", *out)
    assert "no images in" in fails(capsys, "planted:mixed", "--images", tmp_path / "empty", *out)
    assert "nowhere" in fails(capsys, "nowhere", *LEAVES, *out)
    assert "is a file" in fails(capsys, *planted, "--units", "0", "--out", tmp_path / "file")
