"""Small images and a small network to capture, and helpers to inspect stores."""

import functools
import hashlib

import torch
from torch import nn

from visae.activations import Positions, capture_layers
from visae.images import Unreadable
from visae.networks import Network


class Stop(Exception):  # noqa: N818 - stands for whatever ends a capture: a kill, a crash, Ctrl-C
    pass


def nothing(_):
    pass


def stop_at(moment):
    """Return a function of a number that raises `Stop` at this one."""

    def before(number):
        if number == moment:
            raise Stop

    return before


class Pictures:
    """Images whose pixels depend on `content` and the index; those in `bad` are unreadable; reads call `before`."""

    name, size = "pictures/", 16

    def __init__(self, count, bad=(), before=nothing, content=0):
        self.count, self.bad, self.before, self.content = count, bad, before, content

    def __len__(self):
        return self.count

    def key(self, index):
        return f"picture {index}"

    def read(self, index):
        self.before(index)
        if index in self.bad:
            raise Unreadable(f"picture {index} is torn")
        source = torch.Generator().manual_seed(1000 * self.content + index)
        pixels = torch.randint(256, (3, 16, 16), generator=source, dtype=torch.uint8)
        return pixels, hashlib.sha256(pixels.numpy().tobytes()).hexdigest()

    def settings(self):
        return {"kind": "pictures", "count": self.count}


class Counted(nn.Sequential):
    """Layers that count their forward passes; `before` is called with the number of each."""

    before, calls = staticmethod(nothing), 0

    def forward(self, x):
        self.calls += 1
        self.before(self.calls)
        return super().forward(x)


def tower(gain=1.0):
    """A network with maps of 5 x 8 x 8 in `early`, of 7 x 4 x 4 in `late`, and `after`, which follows both."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential()
        module.add_module("early", Counted(nn.Conv2d(3, 5, 3, 2, 1), nn.ReLU()))
        module.add_module("late", Counted(nn.Conv2d(5, 7, 3, 2, 1), nn.ReLU()))
        module.add_module("after", Counted(nn.Conv2d(7, 2, 1)))
    with torch.no_grad():
        module.early[0].weight.mul_(gain)
    network = Network.from_module(module, ["early", "late", "after"], name="tower", size=16)
    # Determine the geometry of every layer now, so that only the forward passes of a capture are counted.
    assert all(network.layers[layer].channels for layer in network.layers)
    for layer in module:
        layer.calls = 0
    return network


@functools.cache
def shared_tower():
    """A shared tower, for tests that do not count calls."""
    return tower()


def modules_of(network):
    """The network's modules, which count their calls."""
    return network.readable.module


def capture_rows(out, images, layer="early", positions=None, network=None, batch=4, **more):
    """Capture rows of one layer into a store at `out`."""
    positions = positions or Positions("magnitude", 6)
    return capture_layers(network or shared_tower(), {layer: out}, images, positions, batch, **more)[layer]


def content(folder):
    """The bytes of every file below a folder, by its relative path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows_and_positions(rows):
    """All rows of a store, and the (image, y, x) of each."""
    return rows.gather(torch.arange(len(rows))), [rows.position(index) for index in range(len(rows))]
