"""visae atlas, and what cannot be done."""

import http.client
import re
import subprocess
import sys

import pytest
import torch

import visae
from visae import cli
from visae.sae import save


@pytest.fixture(scope="module")
def dictionary(tmp_path_factory):
    sae = visae.TopK(width=10, k=2).build(48, torch.Generator().manual_seed(0))
    network = visae.network("planted", device="cpu")
    sae.about = {"network": "planted", "layer": "mixed", "weights": network.digest}
    folder = tmp_path_factory.mktemp("dictionary")
    save(sae, folder / "sae.safetensors")
    return folder


def test_pictures_are_drawn_once_and_the_atlas_can_be_written_again(dictionary, tmp_path, capsys):
    out = tmp_path / "atlas"
    command = ["atlas", str(dictionary), "--images", "leaves:6", "--count", "3", "--examples", "2", "--steps", "1"]
    times = []
    for _ in range(2):
        cli.main([*command, "--out", str(out)])
        assert f"atlas: {out / 'index.html'}" in capsys.readouterr().out
        drawn = sorted((tmp_path / "atlas-pictures").rglob("*.png"))
        times.append([path.stat().st_mtime_ns for path in drawn])
    assert len(drawn) == 48 + 10 + 10
    assert times[0] == times[1]
    version = next(out.glob("atlas-*"))
    assert len(list((version / "drawn").iterdir())) == 68
    assert len(list((version / "photos").iterdir())) <= 3
    assert len(list((version / "walls").iterdir())) == 2 * 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "an atlas needs DICT, --images and --out"),
        (["DICT", "--images", "leaves:4"], "an atlas needs DICT"),
        (["DICT", "--images", "leaves:4", "--out", "OUT", "--count", "-1"], "at least 0"),
        (["DICT", "--images", "leaves:4", "--out", "OUT", "--examples", "0"], "ask for at least 1"),
        (["DICT", "--images", "nowhere", "--out", "OUT"], "nowhere"),
        (["nowhere", "--images", "leaves:4", "--out", "OUT"], "there is no dictionary at nowhere"),
        (["DICT", "--images", "leaves:4", "--out", "FULL"], "and is no atlas"),
        (["DICT", "--images", "leaves:4", "--out", "OUT", "--credits", "none.csv"], "cannot read none.csv"),
        (["--serve", "OUT"], "there is no atlas in"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_drawn(dictionary, tmp_path, capsys, arguments, words):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    places = {"DICT": str(dictionary), "OUT": str(tmp_path / "out"), "FULL": str(tmp_path / "full")}
    with pytest.raises(SystemExit) as stop:
        cli.main(["atlas", *(places.get(argument, argument) for argument in arguments)])
    assert stop.value.code == 2
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_serving_until_it_is_stopped(tmp_path):
    from visae.atlas._site import Site

    with Site(tmp_path / "site") as site:
        site.publish()
    command = [sys.executable, "-m", "visae", "atlas", "--serve", str(tmp_path / "site"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        port = int(re.search(r"127\.0\.0\.1:(\d+)/", running.stdout.readline())[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()
        running.send_signal(2)
        assert running.wait(20) == 0
