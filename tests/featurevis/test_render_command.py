"""visae render, from the command line."""

import pytest
import torch

from visae import cli
from visae._support import files
from visae.featurevis._png import load_png, read_about

SHORT = ["--steps", "3", "--device", "cpu"]


def render(*arguments):
    cli.main(["render", *SHORT, *map(str, arguments)])


def refused(arguments, words, capsys):
    capsys.readouterr()  # what was drawn before may have said how far it was
    with pytest.raises(SystemExit) as stop:
        cli.main(["render", *SHORT, *map(str, arguments)])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_features_of_a_dictionary(recovered, tmp_path, capsys):
    out, network, _, _ = recovered
    render(out / "sae", "--units", "3,7:9", "--out", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "00003.png",
        "00007.png",
        "00008.png",
        "render.json",
        "sheet.png",
    ]
    about = read_about(tmp_path / "00007.png")
    assert about["unit"] == 7
    assert (about["network"], about["layer"], about["kind"], about["seed"]) == (network.name, "mixed", "features", 0)
    assert [cell["label"] for cell in read_about(tmp_path / "sheet.png")["cells"]] == ["3", "7", "8"]
    assert set(files.read_json(tmp_path / "render.json", 2)["units"]) == {"3", "7", "8"}
    assert "3 pictures drawn; sheet" in capsys.readouterr().out


def test_what_is_there_is_not_drawn_again_unless_settings_differ(tmp_path, capsys):
    render("planted:mixed", "--units", "1,2", "--out", tmp_path)
    before = (tmp_path / "00001.png").stat().st_mtime_ns
    whole = load_png(tmp_path / "00002.png")
    (tmp_path / "00002.png").write_bytes(b"half a pic")
    render("planted:mixed", "--units", "1:3", "--out", tmp_path)
    assert "1 picture drawn, 1 were there" in capsys.readouterr().out
    assert (tmp_path / "00001.png").stat().st_mtime_ns == before
    assert torch.allclose(load_png(tmp_path / "00002.png"), whole, atol=0.02)
    render("planted:mixed", "--units", "1", "--out", tmp_path, "--seed", "1")
    assert "1 picture drawn; sheet" in capsys.readouterr().out
    assert set(files.read_json(tmp_path / "render.json", 2)["units"]) == {"1"}


def test_pictures_of_other_units_and_photographs_are_not_mixed_with(tmp_path, capsys):
    render("planted:mixed", "--units", "1", "--out", tmp_path / "drawn")
    refused(["planted:truth", "--units", "1", "--out", tmp_path / "drawn"], "these are of neurons of planted", capsys)
    refused(["planted:0.3:mixed", "--units", "1", "--out", tmp_path / "drawn"], "give a new folder", capsys)
    assert read_about(tmp_path / "drawn/00001.png")["layer"] == "mixed"
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    (photographs / "cat.JPG").touch()
    refused(["planted:mixed", "--units", "1", "--out", photographs], "holds cat.JPG, which visae did not draw", capsys)
    assert [path.name for path in photographs.iterdir()] == ["cat.JPG"]
    # Beside sheets of examples there is room.
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples/00001-examples.png").touch()
    render("planted:mixed", "--units", "1", "--out", tmp_path / "examples")


def test_units_that_their_picture_leaves_silent_are_counted(tmp_path, capsys):
    render("planted:truth", "--units", "0:4", "--out", tmp_path)
    units = files.read_json(tmp_path / "render.json", 2)["units"]
    silent = [number for number, of in units.items() if of["reached"] <= 0]
    assert silent
    assert f"{len(silent)} of 4 leave their unit silent" in capsys.readouterr().out
    # Of neurons, the value itself is what was asked for.
    assert all(of["reached"] == pytest.approx(of["value"], abs=1e-5) for of in units.values())


@pytest.mark.parametrize(
    "options",
    [
        ["--parameterisation", "pixels", "--negative"],
        ["--parameterisation", "pyramid", "--everywhere", "--size", "48"],
        ["--parameterisation", "maco", "--images", "leaves:3"],
        ["--alpha"],
        ["--objective", "direction"],
        ["--objective", "activation", "--rate", "0.1"],
    ],
)
def test_every_option_draws(tmp_path, monkeypatch, options):
    monkeypatch.setenv("VISAE_CACHE", str(tmp_path / "cache"))
    render("planted:mixed", "--units", "5", "--out", tmp_path / "out", *options)
    assert load_png(tmp_path / "out/00005.png").shape[0] == (4 if "--alpha" in options else 3)


def test_a_picture_that_shows_less_than_the_unit_sees_is_said_to(tmp_path, capsys):
    render("planted:mixed", "--units", "5", "--out", tmp_path, "--size", "32")
    assert "pictures of 32 px are the middle of the 63 px that a position of mixed sees" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["planted:mixed", "--units", "48"], "from 0 to 47"),
        (["planted:mixd"], "no layer of planted named 'mixd'"),
        (["nowhere"], "neither a dictionary nor NETWORK:LAYER"),
        (["planted:mixed", "--size", "4"], "at least 8"),
        (["planted:mixed", "--units", "5:3"], "a range goes up"),
        (["planted:mixed", "--parameterisation", "maco"], "needs it"),
        (["planted:mixed", "--images", "leaves:3"], "for --parameterisation maco"),
        (["planted:mixed", "--parameterisation", "maco", "--images", "nothere"], "nothere"),
        (["planted:mixed", "--device", "cupola"], "cupola"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, arguments, words):
    refused([*arguments, "--out", tmp_path / "out"], words, capsys)


def test_out_that_is_a_file(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    refused(["planted:mixed", "--out", tmp_path / "file"], "is a file; name a folder", capsys)


def test_the_first_layer(data, tmp_path):
    render("inceptionv1-caffe:conv2d0", "--weights", data / "weights", "--units", "3", "--out", tmp_path)
    assert load_png(tmp_path / "00003.png").shape == (3, 7, 7)
