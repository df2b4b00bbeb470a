import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from captures import CAPTURE, Pictures, Stop, content, layers_of, same_tower, stop_at, take, tower
from torch import nn

from visae import files
from visae.activations import Positions, Rows, capture_layers
from visae.errors import VisaeError
from visae.zoo import Network

BAD = {1, 4, 5}


def make(out, images, **more):
    """Rows of ten images in five batches, the third unreadable, in three shards; or of other images alike."""
    return take(out, images, batch=2, **more)


def make_two(out, images):
    layers = {name: out / name for name in ("early", "late")}
    return capture_layers(same_tower(), layers, images, Positions("all"), 2)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(CAPTURE, "_ROWS_A_SHARD", 25)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What `make` leaves that is not interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CAPTURE, "_ROWS_A_SHARD", 25)
        make(folder, Pictures(10, BAD))
    assert len(content(folder)) == 4
    return content(folder)


@pytest.fixture(scope="module")
def whole_two(tmp_path_factory):
    """What `make_two` leaves that is not interrupted: shards of two images in one layer, of four in the other."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CAPTURE, "_ROWS_A_SHARD", 64)
        make_two(folder, Pictures(10, BAD))
    assert len(content(folder)) == 6 + 4
    return content(folder)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_one_forward_a_batch_that_stops_after_the_last_layer(tmp_path, count):
    net = tower()
    layers = {name: tmp_path / name for name in ("early", "late")}
    capture_layers(net, layers, Pictures(count), Positions("uniform", 2), 2)
    batches = math.ceil(count / 2)
    # One more forward, of one image, tells the size of the maps.
    assert [layer.calls for layer in layers_of(net)] == [batches + 1, batches + 1, 0]
    layers_of(net).late.calls = 0
    make(tmp_path / "alone", Pictures(count), network=net)
    assert layers_of(net).late.calls == 0


def test_a_batch_of_which_nothing_can_be_read_is_not_passed_on(tmp_path):
    net = tower()
    make(tmp_path / "rows", Pictures(10, BAD), network=net)
    assert layers_of(net).early.calls == 4 + 1


@pytest.mark.parametrize("moment", range(0, 10, 2))
def test_stopped_in_the_images_and_started_again(tmp_path, whole, moment):
    with pytest.raises(Stop):
        make(tmp_path / "rows", Pictures(10, BAD, before=stop_at(moment)))
    make(tmp_path / "rows", Pictures(10, BAD))
    assert content(tmp_path / "rows") == whole


@pytest.mark.parametrize("moment", range(1, 6))
def test_stopped_in_the_network_and_started_again(tmp_path, whole, moment):
    net = tower()
    layers_of(net).early.before = stop_at(moment)
    with pytest.raises(Stop):
        make(tmp_path / "rows", Pictures(10, BAD), network=net)
    make(tmp_path / "rows", Pictures(10, BAD))
    assert content(tmp_path / "rows") == whole


class Writes:
    """Stands for `files.write_bytes`: stops before or after a write, or halfway, and leaves what a kill would leave."""

    def __init__(self, moment, how):
        self.left, self.how, self.write = moment, how, files.write_bytes

    def __call__(self, path, data):
        self.left -= 1
        if self.left < 0 and self.how == "half":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(f".{path.name}.77.tmp").write_bytes(data[: len(data) // 2])
        if self.left >= 0 or self.how == "after":
            self.write(path, data)
        if self.left < 0:
            raise Stop


@pytest.mark.parametrize("how", ["before", "half", "after"])
@pytest.mark.parametrize("moment", range(8))
def test_stopped_at_a_write_and_started_again(tmp_path, whole, monkeypatch, moment, how):
    """An empty manifest, then three shards with a manifest each, then the whole manifest: eight writes."""
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_bytes", Writes(moment, how))
        with pytest.raises(Stop):
            make(tmp_path / "rows", Pictures(10, BAD))
    make(tmp_path / "rows", Pictures(10, BAD))
    assert content(tmp_path / "rows") == whole


@pytest.mark.parametrize("moment", range(1, 20, 2))
def test_two_layers_stopped_at_a_write_and_started_again(tmp_path, whole_two, monkeypatch, moment):
    """Shards of different lengths: 12 writes of one layer, 8 of the other, in turn."""
    monkeypatch.setattr(CAPTURE, "_ROWS_A_SHARD", 64)
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_bytes", Writes(moment, "half"))
        with pytest.raises(Stop):
            make_two(tmp_path / "rows", Pictures(10, BAD))
    make_two(tmp_path / "rows", Pictures(10, BAD))
    assert content(tmp_path / "rows") == whole_two


def test_what_is_whole_is_not_read_again(tmp_path):
    with pytest.raises(Stop):
        make(tmp_path / "rows", Pictures(10, before=stop_at(9)))
    read = []
    make(tmp_path / "rows", Pictures(10, before=read.append))
    assert sorted(read) == [8, 9]


def test_killed_again_and_again(tmp_path, monkeypatch):
    script = Path(__file__).with_name("killed.py")
    moments = ["0", "0.002", "0.005", "0.01", "0.02"]
    command = [sys.executable, str(script), str(tmp_path / "rows"), *moments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.startswith("5 killed"), done.stdout
    monkeypatch.setattr(CAPTURE, "_ROWS_A_SHARD", 50)
    layers = {name: tmp_path / "whole" / name for name in ("early", "late")}
    capture_layers(same_tower(), layers, Pictures(60, bad={5, 31}), Positions("uniform", 6), 4)
    assert content(tmp_path / "rows") == content(tmp_path / "whole")


@pytest.mark.parametrize(
    ("bad", "read"),
    [({0}, 11), (set(range(4, 8)), 8), (set(range(6)), 6), (set(range(6, 12)), 6), (set(range(0, 12, 2)), 6)],
)
def test_unreadable_images_are_counted_and_their_reasons_kept(tmp_path, capsys, bad, read):
    rows = take(tmp_path / "rows", Pictures(12, bad))
    assert (rows.images_read, rows.images_skipped, len(rows)) == (read, len(bad), 6 * read)
    assert rows.manifest["skipped"] == [[f"picture {index}", f"picture {index} is torn"] for index in sorted(bad)]
    shown = capsys.readouterr().err
    assert f"skipped picture {min(bad)}: picture {min(bad)} is torn" in shown
    assert shown.count("skipped") == min(len(bad), 5)
    assert f"{len(bad)} of 12 images could not be read" in shown


MOSTLY_BAD = [(set(range(7)), 7), (set(range(5, 12)), 7), (set(range(12)), 8), ({0, 1, 2, 4, 5, 8, 11}, 7)]


@pytest.mark.parametrize(("bad", "found"), MOSTLY_BAD)
def test_more_than_half_unreadable_is_an_error(tmp_path, bad, found):
    reason = r"for instance picture \d+: picture \d+ is torn"
    for _ in range(2):
        with pytest.raises(
            VisaeError, match=rf"so far {found} of the 12 images of pictures/ cannot be read \({reason}"
        ):
            make(tmp_path / "rows", Pictures(12, bad))


@pytest.mark.parametrize("stop", [4, 8, 11])
def test_unreadable_images_are_counted_across_attempts(tmp_path, stop):
    bad = {0, 1, 2, 5, 6, 9, 10}
    with pytest.raises(Stop):
        make(tmp_path / "rows", Pictures(12, bad, before=stop_at(stop)))
    with pytest.raises(VisaeError, match="7 of the 12 images"):
        make(tmp_path / "rows", Pictures(12, bad))
    with pytest.raises(VisaeError, match="unfinished"):
        Rows(tmp_path / "rows")


def test_a_capture_refused_for_its_images_goes_on_once_they_are_mended(tmp_path):
    with pytest.raises(VisaeError, match="cannot be read"):
        make(tmp_path / "rows", Pictures(12, set(range(3, 12))))
    rows = make(tmp_path / "rows", Pictures(12, {10}))
    in_whole_shards = range(3, 8)
    assert [key for key, _ in rows.manifest["skipped"]] == [f"picture {index}" for index in [*in_whole_shards, 10]]
    assert len(rows) == 6 * rows.images_read == 6 * 6


class Gain(nn.Module):
    """The image's first pixel, times a number."""

    def __init__(self, gain):
        super().__init__()
        self.gain = gain

    def forward(self, x):
        return x[:, :1, :1, :1] * self.gain


class White(Pictures):
    """Images whose pixels are all 255, which a network reads as 1."""

    def read(self, index):
        pixels, digest = super().read(index)
        return torch.full_like(pixels, 255), digest


def gain(value):
    module = nn.Sequential()
    module.add_module("gain", Gain(value))
    return Network.from_module(module, ["gain"], size=16)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(65_505.0, "65505"), (1e5, "100000"), (-7e4, "70000"), (math.inf, "inf"), (-math.inf, "inf"), (math.nan, "nan")],
)
def test_values_that_float16_cannot_hold_are_refused(tmp_path, value, shown):
    message = re.escape(f"gain has a value of {shown}, a store holds at most 65504 (float16)")
    with pytest.raises(VisaeError, match=message):
        take(tmp_path / "rows", White(6), "gain", Positions("all"), gain(value))
    rows = take(tmp_path / "rows", White(6), "gain", Positions("all"), gain(65_504.0))
    assert rows.gather(torch.arange(6)).tolist() == [[65_504.0]] * 6
    assert rows.mean.item() == 65_504.0
    assert rows.variance.item() == 0.0
