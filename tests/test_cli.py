import json
import subprocess
import sys
from dataclasses import fields
from itertools import islice
from pathlib import Path

import pytest
from PIL import Image

from visae import cli
from visae._support.errors import VisaeError
from visae.commands.networks import _layers
from visae.commands.options import CaptureOptions, TrainingOptions
from visae.commands.reproduce import PAPERS
from visae.commands.sae_options import KINDS, SAEOptions, field_help
from visae.images import Leaves
from visae.sae import kinds
from visae.sae._registry import setting_names
from visae.training import TrainingConfig

SMALL = ["--images", "leaves:20", "--crop", "64", "--positions", "32"]
TINY = ["--epochs", "2", "--batch", "128"]


def fails(capsys, *arguments):
    """The one line that a command prints as it exits with 2."""
    with pytest.raises(SystemExit) as stop:
        cli.main(list(arguments))
    assert stop.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    errors = [line for line in lines if line.startswith("visae: ")]
    assert len(errors) == 1
    assert lines[-1] == errors[0]
    return errors[0]


@pytest.fixture
def without_weights(monkeypatch, tmp_path):
    monkeypatch.delenv("VISAE_WEIGHTS", raising=False)
    monkeypatch.setenv("VISAE_CACHE", str(tmp_path / "cache"))


def test_run_then_each_step_on_the_others_output(tmp_path, capsys):
    network = ["--network", "planted", "--layer", "mixed"]
    sae = ["--sae", "topk", "--k", "3", "--width", "64", *TINY]
    cli.main(["run", *network, *SMALL, *sae, "--out", str(tmp_path / "run")])
    shown = capsys.readouterr().out
    assert str(tmp_path / "run" / "report.json") in shown
    assert str(tmp_path / "run" / "curves" / "curves.png") in shown
    cli.main(["train", "--rows", str(tmp_path / "run" / "rows"), *sae, "--out", str(tmp_path / "dictionary")])
    assert "explained variance" in capsys.readouterr().out
    one, other = (tmp_path / place / "sae.safetensors" for place in ("run/dictionary", "dictionary"))
    assert one.read_bytes() == other.read_bytes()
    cli.main(["curves", "--dictionary", str(tmp_path / "dictionary"), "--out", str(tmp_path / "curves")])
    assert "features:" in capsys.readouterr().out
    assert (tmp_path / "curves" / "curves.png").is_file()
    cli.main(["capture", *network, *SMALL, "--out", str(tmp_path / "rows")])
    assert "640 rows of 48" in capsys.readouterr().out
    shard = "rows/shard-00000.safetensors"
    assert (tmp_path / shard).read_bytes() == (tmp_path / "run" / shard).read_bytes()


def test_capture_of_several_layers_and_of_all_positions(tmp_path, capsys):
    layers = ["--layer", "mixed", "truth"]
    small = ["--images", "leaves:3", "--crop", "64", "--positions", "all"]
    cli.main(["capture", "--network", "planted", *layers, *small, "--out", str(tmp_path)])
    shown = capsys.readouterr().out
    assert "mixed: 768 rows of 48" in shown
    assert "truth: 768 rows of 70" in shown


def test_relu_is_trained_too(tmp_path, capsys):
    cli.main(["capture", "--network", "planted", "--layer", "mixed", *SMALL, "--out", str(tmp_path / "rows")])
    sae = ["--sae", "relu", "--l1", "1", "--width", "64", *TINY]
    cli.main(["train", "--rows", str(tmp_path / "rows"), *sae, "--out", str(tmp_path / "relu")])
    assert "relu, 64 features" in capsys.readouterr().out


def test_every_setting_of_every_kind_is_an_option_and_every_option_a_setting():
    options = {field.name for field in fields(SAEOptions)} - {"sae"}
    assert options == {name for config in kinds().values() for name in setting_names(config)}
    training = {field.name for field in fields(TrainingConfig)} - {"seed"}
    assert {field.name for field in fields(TrainingOptions)} == training


def test_kinds_read_without_torch_are_the_kinds():
    """The command line reads the config classes out of their files; they are those that are registered."""
    assert list(KINDS) == [name for name, config in kinds().items() if config.__module__.startswith("visae.")]
    for name, config in KINDS.items():
        registered = kinds()[name]
        assert config.__doc__ == registered.__doc__
        assert config().__dict__ == registered().__dict__
        assert {field.name: field.type for field in fields(config)} == {f.name: f.type for f in fields(registered)}
        for attribute in ("kind", "varied", "summary", "source", "style", "baseline"):
            assert getattr(config, attribute) == getattr(registered, attribute)


@pytest.mark.parametrize("kind", KINDS)
def test_the_help_of_a_kind_explains_each_setting(kind):
    assert all(text for text in field_help(KINDS[kind]).values())


@pytest.mark.parametrize("kind", KINDS)
def test_the_options_of_a_kind_make_its_config(kind):
    registered = kinds()[kind]
    defaults = {field.name: field.default for field in fields(registered)}
    assert SAEOptions(sae=kind).open_config() == registered()
    assert SAEOptions(sae=kind, **defaults).open_config() == registered()
    for name in {field.name for field in fields(SAEOptions)} - {"sae", *defaults}:
        options = SAEOptions(sae=kind, **{name: "mean" if name == "origin" else 1})
        for refused in (options.check_sae, options.open_config):
            with pytest.raises(VisaeError, match=rf"a {kind} SAE has no setting {name}"):
                refused()


@pytest.mark.usefixtures("without_weights")
def test_networks_and_their_layers(capsys):
    cli.main(["networks"])
    shown = capsys.readouterr().out
    assert "visae fetch inceptionv1-caffe" in shown
    assert "planted" in shown
    cli.main(["networks", "inceptionv1"])
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("mixed3b_5x5 "))
    assert line.split() == ["mixed3b_5x5", "96", "8", "91"]
    first = list(islice(_layers("torchvision:resnet18"), 2))[1]
    assert first.split() == ["conv1", "64", "2", "7"]


@pytest.mark.usefixtures("without_weights")
def test_wrong_turns(tmp_path, capsys):
    planted = ["run", "--network", "planted", "--layer", "mixed", "--out", str(tmp_path / "out")]
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    for index in range(3):
        (tmp_path / "texts" / f"{index}.jpg").write_text("not an image")
    cases = {
        "visae fetch inceptionv1-caffe": ["run", "--network", "inceptionv1-caffe", "--layer", "mixed3b"],
        "the nearest are inceptionv1": ["run", "--network", "inceptionv2", "--layer", "mixed3b"],
        "the nearest are mixed": ["run", "--network", "planted", "--layer", "mixd"],
        "inhibition": ["run", "--network", "planted:2", "--layer", "mixed"],
    }
    for words, arguments in cases.items():
        assert words in fails(capsys, *arguments, "--images", "leaves:4", "--out", str(tmp_path / "out"))
    assert "empty" in fails(capsys, *planted, "--images", str(tmp_path / "empty"))
    assert "nothing at" in fails(capsys, *planted, "--images", str(tmp_path / "nowhere"))
    assert "3 of the 3 images" in fails(capsys, *planted, "--images", str(tmp_path / "texts"))
    assert "leaves:no" in fails(capsys, *planted, "--images", "leaves:no")
    assert "no setting l1" in fails(capsys, *planted, "--images", "leaves:4", "--l1", "3")
    assert "--max-disk" in fails(capsys, *planted, "--images", "leaves:4", "--max-disk", "1KB")
    assert "visae capture" in fails(capsys, "train", "--rows", str(tmp_path / "no"), "--out", str(tmp_path / "o"))
    assert "visae train" in fails(capsys, "curves", "--dictionary", str(tmp_path / "no"), "--out", str(tmp_path / "o"))
    assert "--network and --layer" in fails(capsys, "curves", "--out", str(tmp_path / "o"))
    assert "no weights to fetch" in fails(capsys, "fetch", "planted")
    assert "nearest" in fails(capsys, "fetch", "inceptionv")
    assert "there are cpu" in fails(capsys, *planted, "--images", "leaves:4", "--device", "warp")


def test_a_few_unreadable_images_are_named_and_counted(tmp_path, capsys):
    leaves = Leaves(6, 64)
    for index in range(6):
        Image.fromarray(leaves.read(index)[0].permute(1, 2, 0).numpy()).save(tmp_path / f"{index}.png")
    (tmp_path / "bad.jpg").write_bytes(b"")
    arguments = ["--resize", "64", "--crop", "64", "--positions", "all", "--out", str(tmp_path / "run")]
    cli.main(["run", "--network", "planted", "--layer", "mixed", "--images", str(tmp_path), *arguments, *TINY])
    captured = capsys.readouterr()
    assert "bad.jpg" in captured.err
    assert "6 read, 1 skipped" in captured.out
    assert json.loads((tmp_path / "run" / "report.json").read_text())["images_skipped"] == 1


@pytest.mark.parametrize(
    ("text", "size"), [("1000", 1000), ("2KB", 2000), ("1.5 GB", 1_500_000_000), ("3tb", 3 * 10**12), (None, None)]
)
def test_sizes(text, size):
    assert CaptureOptions(images="x", max_disk=text).max_bytes() == size


@pytest.mark.parametrize("text", ["", ".", "GB", "1.2.3GB", "5 parsecs", "-1GB"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(VisaeError, match="max-disk"):
        CaptureOptions(images="x", max_disk=text).max_bytes()


@pytest.mark.parametrize("command", [*cli.COMMANDS, *(f"reproduce {paper}" for paper in PAPERS)])
def test_help_teaches(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*command.split(), "--help"])
    assert stop.value.code == 0
    assert len(capsys.readouterr().out) > 300


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("trian", ["trian", "train"]),
        ("reproduce persianrug", ["persianrug", "persian-rug"]),
        ("train --rowz rows --out out", ["--rowz", "--rows", "visae train --help"]),
        ("train", ["--rows PATH", "--out PATH"]),
        ("train --rows", ["--rows needs a value"]),
        ("train --rows rows --out out --sae tpok", ["'tpok'", "topk"]),
        ("train --rows rows --out out --k many", ["--k", "'many'", "a whole number"]),
        ("train --rows rows --out out --lr fast", ["--lr", "'fast'", "a number"]),
        ("capture --positions some --network planted --layer a --images leaves:1 --out o", ["'some'", "or all"]),
        ("stimuli more", ["'more'"]),
        ("evaluate", ["PATH"]),
        ("curves --out README.md", ["README.md is a file"]),
    ],
)
def test_errors_of_options_are_one_line(arguments, words, capsys, monkeypatch):
    monkeypatch.chdir(Path(__file__).parent.parent)
    message = fails(capsys, *arguments.split())
    assert [word for word in words if word not in message] == []


def test_installed_command_runs():
    found = subprocess.run([sys.executable, "-m", "visae", "networks"], capture_output=True, text=True, check=True)
    assert "torchvision:NAME" in found.stdout


def test_rows_are_looked_for_beside_the_dictionary(tmp_path, capsys):
    network = ["--network", "planted", "--layer", "mixed"]
    sae = ["--sae", "topk", "--k", "2", "--width", "16", *TINY]
    cli.main(["run", *network, *SMALL, *sae, "--out", str(tmp_path / "run")])
    capsys.readouterr()
    cli.main(["evaluate", str(tmp_path / "run" / "dictionary")])
    assert "| topk " in capsys.readouterr().out
    (tmp_path / "elsewhere").mkdir()
    assert "no sae.safetensors in" in fails(capsys, "evaluate", str(tmp_path / "elsewhere"))
    assert "nowhere does not exist" in fails(capsys, "evaluate", str(tmp_path / "nowhere"))
    alone = tmp_path / "alone" / "far" / "away"
    alone.mkdir(parents=True)
    (tmp_path / "run" / "dictionary" / "sae.safetensors").rename(alone / "sae.safetensors")
    message = fails(capsys, "evaluate", str(alone))
    assert message == f"visae: there is no rows/ beside {alone}; give --rows, the folder that visae capture made"


def test_stimuli_are_listed_and_drawn(tmp_path, capsys):
    cli.main(["stimuli"])
    shown = capsys.readouterr().out
    assert "frequency_boundary" in shown
    assert "above 0 px" in shown
    cli.main(["stimuli", "--sheet", str(tmp_path / "s" / "sheet.png")])
    assert (tmp_path / "s" / "sheet.png").is_file()
    assert ".pdf" in fails(capsys, "stimuli", "--sheet", str(tmp_path / "sheet.txt"))
