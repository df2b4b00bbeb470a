"""visae render, from the command line."""

import pytest
import torch

import visae
from visae import cli
from visae._support import files
from visae.featurevis._png import load_png, read_about

# An invocation builds the planted network, which takes most of its second.
pytestmark = pytest.mark.slow

SHORT = ["--steps", "2", "--device", "cpu"]


def render(*arguments):
    cli.main(["render", *SHORT, *map(str, arguments)])


def refused(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["render", *SHORT, *map(str, arguments)])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_features_of_a_dictionary(tmp_path, capsys):
    sae = visae.TopK(width=12, k=2).build(48, torch.Generator().manual_seed(0))
    sae.about = {"network": "planted", "layer": "mixed"}
    visae.sae.save(sae, tmp_path / "sae.safetensors")
    out = tmp_path / "pictures"
    render(tmp_path / "sae.safetensors", "--units", "3,7:9", "--out", out)
    assert "3 picture" in capsys.readouterr().out
    names = sorted(path.name for path in out.iterdir())
    assert names == ["00003.png", "00007.png", "00008.png", "render.json", "sheet.png"]
    about = read_about(out / "00007.png")
    assert about["unit"] == 7
    assert (about["network"], about["layer"], about["kind"], about["seed"]) == ("planted", "mixed", "features", 0)
    assert [cell["label"] for cell in read_about(out / "sheet.png")["cells"]] == ["3", "7", "8"]
    assert set(files.read_json(out / "render.json", 2)["units"]) == {"3", "7", "8"}
    render(tmp_path / "sae.safetensors", "--units", "7:10", "--out", out)
    printed = capsys.readouterr().out
    assert "1 picture" in printed
    assert "2 " in printed


def test_pictures_with_other_settings_are_not_replaced(tmp_path, capsys):
    render("planted:mixed", "--units", "1", "--out", tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = ["planted:mixed", "--units", "1,2", "--seed", "4", "--out", tmp_path]
    capsys.readouterr()
    refused(other, f"{tmp_path} was made with other settings: seed was 0 and is now 4; use a new folder", capsys)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_options_become_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("VISAE_CACHE", str(tmp_path / "cache"))
    options = "--objective pre_activation --everywhere --negative --parameterisation maco --alpha --images leaves:3"
    render(
        "planted:mixed",
        "--units",
        "5",
        "--out",
        tmp_path,
        *options.split(),
        "--size",
        "32",
        "--rate",
        "0.1",
        "--seed",
        "4",
    )
    about = read_about(tmp_path / "00005.png")
    expected = {"objective": "pre_activation", "everywhere": True, "negative": True, "parameterisation": "maco"}
    expected |= {"alpha": True, "images": "leaves:3", "steps": 2, "rate": 0.1, "seed": 4}
    assert {key: about[key] for key in expected} == expected
    assert load_png(tmp_path / "00005.png").shape == (4, 32, 32)


def test_silent_units_and_small_pictures_are_reported(tmp_path, capsys):
    render("planted:truth", "--units", "0:4", "--out", tmp_path, "--size", "32")
    units = files.read_json(tmp_path / "render.json", 2)["units"]
    silent = [number for number, metrics in units.items() if metrics["reached"] <= 0]
    printed = capsys.readouterr()
    assert f"{len(silent)} of 4" in printed.out
    assert "32 px" in printed.err
    assert "63 px" in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["planted:mixed", "--units", "48"], "from 0 to 47"),
        (["planted:mixd"], "'mixd'"),
        (["nowhere"], "NETWORK:LAYER"),
        (["planted:mixed", "--size", "4"], "size is 4 px"),
        (["planted:mixed", "--units", "5:3"], "5:3"),
        (["planted:mixed", "--parameterisation", "maco"], "--images"),
        (["planted:mixed", "--images", "leaves:3"], "--parameterisation maco"),
        (["planted:mixed", "--parameterisation", "maco", "--images", "nothere"], "nothere"),
        (["planted:mixed", "--device", "cupola"], "cupola"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, arguments, message):
    refused([*arguments, "--out", tmp_path / "out"], message, capsys)


def test_out_must_be_a_folder_for_pictures(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    refused(["planted:mixed", "--out", tmp_path / "file"], "is a file", capsys)
    (tmp_path / "cat.jpg").touch()
    refused(["planted:mixed", "--units", "1", "--out", tmp_path], "cat.jpg", capsys)


def test_the_first_layer_of_inception(data, tmp_path):
    render("inceptionv1-caffe:conv2d0", "--weights", data / "weights", "--units", "3", "--out", tmp_path)
    assert load_png(tmp_path / "00003.png").shape == (3, 7, 7)
