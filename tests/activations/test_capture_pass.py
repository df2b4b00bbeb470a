import math
import re

import pytest
import torch
from captures import Pictures, Stop, capture_rows, modules_of, stop_at, tower
from torch import nn

from visae._support.errors import VisaeError
from visae.activations import Positions, Rows, _capture, capture_layers
from visae.networks import Network

BAD = {1, 4, 5}


def capture_in_twos(out, images, **more):
    """Capture in batches of two images and shards of four."""
    return capture_rows(out, images, batch=2, **more)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(_capture, "_ROWS_PER_SHARD", 25)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_one_forward_pass_per_batch_up_to_the_last_layer(tmp_path, count):
    net = tower()
    layers = {name: tmp_path / name for name in ("early", "late")}
    capture_layers(net, layers, Pictures(count), Positions("uniform", 2), 2)
    batches = math.ceil(count / 2)
    # One more forward pass, of one image, determines the size of the maps.
    assert [layer.calls for layer in modules_of(net)] == [batches + 1, batches + 1, 0]
    modules_of(net).late.calls = 0
    capture_in_twos(tmp_path / "alone", Pictures(count), network=net)
    assert modules_of(net).late.calls == 0


def test_a_batch_without_readable_images_is_not_forwarded(tmp_path):
    net = tower()
    capture_in_twos(tmp_path / "rows", Pictures(10, BAD), network=net)
    assert modules_of(net).early.calls == 4 + 1


@pytest.mark.parametrize(
    ("bad", "read"),
    [({0}, 11), (set(range(4, 8)), 8), (set(range(6)), 6), (set(range(6, 12)), 6), (set(range(0, 12, 2)), 6)],
)
def test_unreadable_images_are_counted_and_listed_with_reasons(tmp_path, capsys, bad, read):
    rows = capture_rows(tmp_path / "rows", Pictures(12, bad))
    assert (rows.images_read, rows.images_skipped, len(rows)) == (read, len(bad), 6 * read)
    assert rows.manifest["skipped"] == [[f"picture {index}", f"picture {index} is torn"] for index in sorted(bad)]
    printed = capsys.readouterr().err
    assert f"skipped picture {min(bad)}: picture {min(bad)} is torn" in printed
    assert printed.count("skipped") == min(len(bad), 5)
    assert f"{len(bad)} of 12 images" in printed


MOSTLY_BAD = [(set(range(7)), 7), (set(range(5, 12)), 7), (set(range(12)), 8), ({0, 1, 2, 4, 5, 8, 11}, 7)]


@pytest.mark.parametrize(("bad", "skipped"), MOSTLY_BAD)
def test_more_than_half_unreadable_is_an_error(tmp_path, bad, skipped):
    reason = r"for instance picture \d+: picture \d+ is torn"
    for _ in range(2):
        with pytest.raises(VisaeError, match=rf"{skipped} of the 12 images of pictures/ .* \({reason}"):
            capture_in_twos(tmp_path / "rows", Pictures(12, bad))


@pytest.mark.parametrize("stop", [4, 8, 11])
def test_unreadable_images_are_counted_across_attempts(tmp_path, stop):
    bad = {0, 1, 2, 5, 6, 9, 10}
    with pytest.raises(Stop):
        capture_in_twos(tmp_path / "rows", Pictures(12, bad, before=stop_at(stop)))
    with pytest.raises(VisaeError, match="7 of the 12 images"):
        capture_in_twos(tmp_path / "rows", Pictures(12, bad))
    with pytest.raises(VisaeError, match="unfinished"):
        Rows(tmp_path / "rows")


def test_a_refused_capture_continues_once_its_images_are_repaired(tmp_path):
    with pytest.raises(VisaeError, match="cannot be read"):
        capture_in_twos(tmp_path / "rows", Pictures(12, set(range(3, 12))))
    rows = capture_in_twos(tmp_path / "rows", Pictures(12, {10}))
    on_disk = range(3, 8)  # skipped in complete shards
    assert [key for key, _ in rows.manifest["skipped"]] == [f"picture {index}" for index in [*on_disk, 10]]
    assert len(rows) == 6 * rows.images_read == 6 * 6


class Gain(nn.Module):
    """The image's first pixel, times a number."""

    def __init__(self, gain):
        super().__init__()
        self.gain = gain

    def forward(self, x):
        return x[:, :1, :1, :1] * self.gain


class White(Pictures):
    """Images whose pixels are all 255, which networks receive as 1."""

    def read(self, index):
        pixels, digest = super().read(index)
        return torch.full_like(pixels, 255), digest


def gain_network(value):
    module = nn.Sequential()
    module.add_module("gain", Gain(value))
    return Network.from_module(module, ["gain"], size=16)


@pytest.mark.parametrize(
    ("value", "printed"),
    [(65_505.0, "65505"), (1e5, "100000"), (-7e4, "70000"), (math.inf, "inf"), (-math.inf, "inf"), (math.nan, "nan")],
)
def test_values_that_float16_cannot_hold_are_refused(tmp_path, value, printed):
    message = re.escape(f"gain has a value of {printed}, but a store holds at most 65504")
    with pytest.raises(VisaeError, match=message):
        capture_rows(tmp_path / "rows", White(6), "gain", Positions("all"), gain_network(value))
    rows = capture_rows(tmp_path / "rows", White(6), "gain", Positions("all"), gain_network(65_504.0))
    assert rows.gather(torch.arange(6)).tolist() == [[65_504.0]] * 6
    assert rows.mean.item() == 65_504.0
    assert rows.variance.item() == 0.0
