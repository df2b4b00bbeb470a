"""A small network, and dictionaries of one of its layers to evaluate."""

import torch
from torch import nn

from visae.networks import Network
from visae.sae import Neurons, ReLU, TopK
from visae.training import SAESpec, TrainingConfig
from visae.training._batches import Batches

LAYER = "1"
POSITIONS = 16
TRAINING = TrainingConfig(rows_seen=200, batch=50, holdout=0.3)
MEMBERS = {
    **{f"topk-{seed}": SAESpec(TopK(width=12, k=2), seed) for seed in (0, 1, 2)},
    "topk-more": SAESpec(TopK(width=12, k=3)),
    "relu-4": SAESpec(ReLU(width=12, l1=0.5), 4),
    "neurons": SAESpec(Neurons()),
}


def small_network():
    """Return a classifier of images of 32 px with one hidden layer of 6 channels, with random weights."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 5)]
    module = nn.Sequential(*layers).eval()
    module[-1].weight.data *= 20
    return Network.from_module(module, size=32)


def pixels(images, indices):
    """Return images as a float batch."""
    return torch.stack([images.read(index)[0] for index in indices]).float() / 255


def held_out_images(rows, training=TRAINING):
    """Return the indices of the images that training holds out."""
    return Batches(rows, training).held_out_images.tolist()


def rows_of_images(rows, images):
    """Return the rows of some images."""
    return rows.gather(torch.tensor([POSITIONS * image + row for image in images for row in range(POSITIONS)]))
