"""visae networks and visae stimuli."""

from itertools import islice

import pytest
from command_line import fails

from visae import cli
from visae.commands.networks import _layers


def test_networks_are_listed_with_where_their_weights_are(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("VISAE_WEIGHTS", raising=False)
    monkeypatch.setenv("VISAE_CACHE", str(tmp_path / "cache"))
    cli.main(["networks"])
    printed = capsys.readouterr().out
    assert "visae fetch inceptionv1-caffe" in printed
    assert "planted" in printed


def test_layers_are_listed_with_channels_stride_and_receptive_field(capsys):
    cli.main(["networks", "inceptionv1"])
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("mixed3b_5x5 "))
    assert line.split() == ["mixed3b_5x5", "96", "8", "91"]
    line = list(islice(_layers("torchvision:resnet18"), 2))[1]
    assert line.split() == ["conv1", "64", "2", "7"]


def test_stimuli_are_listed_with_their_parameters(capsys):
    cli.main(["stimuli"])
    printed = capsys.readouterr().out
    assert "frequency_boundary" in printed
    assert "above 0 px" in printed


@pytest.mark.slow
def test_stimuli_are_drawn_on_a_sheet(tmp_path, capsys):
    cli.main(["stimuli", "--sheet", str(tmp_path / "s" / "sheet.png")])
    assert (tmp_path / "s" / "sheet.png").is_file()
    assert ".pdf" in fails(capsys, "stimuli", "--sheet", str(tmp_path / "sheet.txt"))
