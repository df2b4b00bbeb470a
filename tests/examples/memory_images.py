"""Small images in memory, and units over them whose examples can be checked by hand."""

import torch
from torch import nn

from visae.images import Unreadable
from visae.networks import Network
from visae.units import Units


class MemoryImages:
    """An image source from pixels of side 8; some indices cannot be read."""

    name = "made"
    size = 8

    def __init__(self, pixels, unreadable=()):
        self.pixels, self.unreadable, self.reads = pixels, set(unreadable), []

    def __len__(self):
        return len(self.pixels)

    def key(self, index):
        return f"made {index}"

    def read(self, index):
        if index in self.unreadable:
            raise Unreadable("torn")
        self.reads.append(index)
        return self.pixels[index], "0"

    def settings(self):
        return {"kind": "made"}


def noise(count, seed=0):
    """Random pixels; brightness differs between images, so that peaks do too."""
    source = torch.Generator().manual_seed(seed)
    pixels = torch.rand(count, 3, 8, 8, generator=source) * torch.rand(count, 1, 1, 1, generator=source)
    return (pixels * 255).to(torch.uint8)


def units_over_pixels(count, read):
    """Units that `read` computes from 2 x 2 averages of the pixels, [b, 3, 4, 4]."""
    network = Network.from_module(nn.Sequential(nn.AvgPool2d(2)), ["0"], size=8)
    return Units("neurons", network, network.layer("0"), count, read)
