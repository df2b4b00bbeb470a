"""visae atlas, and its errors."""

import http.client
import re
import subprocess
import sys
from functools import partial

import pytest
import torch

import visae
from visae import cli
from visae.atlas._site import Site
from visae.sae import save
from visae.tuning import battery


@pytest.fixture(scope="module")
def dictionary(tmp_path_factory):
    sae = visae.TopK(width=10, k=2).build(48, torch.Generator().manual_seed(0))
    network = visae.network("planted", device="cpu")
    sae.about = {"network": "planted", "layer": "mixed", "weights": network.digest}
    folder = tmp_path_factory.mktemp("dictionary")
    save(sae, folder / "sae.safetensors")
    return folder


@pytest.mark.slow
def test_pictures_are_rendered_once_and_the_atlas_can_be_rewritten(dictionary, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("visae.atlas._measurements.battery", partial(battery, orientations=12, radii=2))
    out = tmp_path / "atlas"
    command = ["atlas", str(dictionary), "--images", "leaves:6", "--count", "3", "--examples", "2", "--steps", "1"]
    times = []
    for _ in range(2):
        cli.main([*command, "--out", str(out)])
        assert f"atlas: {out / 'index.html'}" in capsys.readouterr().out
        rendered = sorted((tmp_path / "atlas-pictures").rglob("*.png"))
        times.append([path.stat().st_mtime_ns for path in rendered])
    assert len(rendered) == 48 + 10 + 10
    assert times[0] == times[1]
    version = next(out.glob("atlas-*"))
    assert len(list((version / "rendered").iterdir())) == 68
    assert len(list((version / "photos").iterdir())) <= 3
    assert len(list((version / "thumbnails").iterdir())) == 2 * 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "DICT, --images and --out"),
        (["DICT", "--images", "leaves:4"], "DICT, --images and --out"),
        (["DICT", "--images", "leaves:4", "--out", "OUT", "--count", "-1"], "at least 0"),
        (["DICT", "--images", "leaves:4", "--out", "OUT", "--examples", "0"], "at least 1"),
        (["DICT", "--images", "nowhere", "--out", "OUT"], "nowhere"),
        (["nowhere", "--images", "leaves:4", "--out", "OUT"], "no dictionary at nowhere"),
        (["DICT", "--images", "leaves:4", "--out", "FULL"], "is not an atlas"),
        (["DICT", "--images", "leaves:4", "--out", "OUT", "--credits", "none.csv"], "cannot read none.csv"),
        (["--serve", "OUT"], "no atlas in"),
    ],
)
def test_errors_come_before_any_work(dictionary, tmp_path, capsys, arguments, message):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    paths = {"DICT": str(dictionary), "OUT": str(tmp_path / "out"), "FULL": str(tmp_path / "full")}
    with pytest.raises(SystemExit) as stop:
        cli.main(["atlas", *(paths.get(argument, argument) for argument in arguments)])
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


@pytest.mark.slow
def test_serves_until_interrupted(tmp_path):
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
