import subprocess
import sys
from pathlib import Path

import pytest
from command_line import fails

from visae import cli
from visae._support.locks import only_writer
from visae.commands.reproduce import PAPERS


@pytest.mark.parametrize("command", [*cli.COMMANDS, *(f"reproduce {paper}" for paper in PAPERS)])
def test_every_command_has_help(command, capsys):
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
        ("train --rows rows --out out --k many", ["--k", "'many'", "whole number"]),
        ("train --rows rows --out out --lr fast", ["--lr", "'fast'", "number"]),
        ("capture --positions some --network planted --layer a --images leaves:1 --out o", ["'some'", "all"]),
        ("stimuli more", ["'more'"]),
        ("evaluate", ["PATH"]),
        ("curves --out README.md", ["README.md is a file"]),
        ("--import", ["--import", "script"]),
        ("capture --network planted --layer --images leaves:2 --out out", ["--layer needs a value"]),
        ("curves --dictionary tests/tuning/stored/responses-1.safetensors --out out", ["responses-1.safetensors"]),
        ("--import nowhere.py train", ["nowhere.py"]),
        ("--import README.md train", ["README.md"]),
    ],
)
def test_errors_of_options_are_one_line(arguments, words, capsys, monkeypatch):
    monkeypatch.chdir(Path(__file__).parent.parent)
    message = fails(capsys, *arguments.split())
    assert [word for word in words if word not in message] == []


PLANTED = "run --network planted --layer mixed --out {0}/out --images "


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            "run --network inceptionv1-caffe --layer mixed3b --images leaves:4 --out {0}/out",
            "visae fetch inceptionv1-caffe",
        ),
        ("run --network inceptionv2 --layer mixed3b --images leaves:4 --out {0}/out", "the nearest are inceptionv1"),
        ("run --network planted --layer mixd --images leaves:4 --out {0}/out", "the nearest are mixed"),
        ("run --network planted:2 --layer mixed --images leaves:4 --out {0}/out", "inhibition"),
        (PLANTED + "{0}/empty", "empty"),
        (PLANTED + "{0}/nowhere", "nothing at"),
        (PLANTED + "{0}/texts", "3 of the 3 images"),
        (PLANTED + "leaves:no", "leaves:no"),
        (PLANTED + "leaves:4 --sae topk --l1 3", "no setting l1"),
        (PLANTED + "leaves:4 --max-disk 1KB", "--max-disk"),
        (PLANTED + "leaves:4 --device warp", "there are cpu"),
        ("train --rows {0}/nowhere --out {0}/out", "visae capture"),
        ("curves --dictionary {0}/nowhere --out {0}/out", "visae train"),
        ("curves --out {0}/out", "--network and --layer"),
        ("fetch planted", "no weights to fetch"),
        ("fetch inceptionv", "nearest"),
    ],
)
def test_errors_of_commands_are_one_line(arguments, words, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("VISAE_WEIGHTS", raising=False)
    monkeypatch.setenv("VISAE_CACHE", str(tmp_path / "cache"))
    for folder in ("empty", "texts"):
        (tmp_path / folder).mkdir()
    for index in range(3):
        (tmp_path / "texts" / f"{index}.jpg").write_text("not an image")
    assert words in fails(capsys, *arguments.format(tmp_path).split())


def test_a_folder_into_which_another_process_writes_is_refused(tmp_path, capsys):
    with only_writer(tmp_path / "out"):
        message = fails(capsys, *PLANTED.format(tmp_path).split(), "leaves:4")
    assert (
        message
        == f"visae: another visae is writing to {tmp_path}/out; wait until it has finished, or name another folder"
    )


def test_the_module_runs_as_a_program():
    ran = subprocess.run([sys.executable, "-m", "visae", "networks"], capture_output=True, text=True, check=True)
    assert "torchvision:NAME" in ran.stdout
