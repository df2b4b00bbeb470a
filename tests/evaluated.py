"""A small network, and what is trained on its rows to be evaluated."""

import torch
from torch import nn

from visae.networks import Network
from visae.sae import Neurons, ReLU, TopK
from visae.training import SAESpec, TrainingConfig
from visae.training._batches import Batches

LAYER = "1"
TRAINING = TrainingConfig(epochs=1, batch=50, holdout=0.3)
MEMBERS = {
    **{f"topk-{seed}": SAESpec(TopK(width=12, k=2), seed) for seed in (0, 1, 2)},
    "topk-more": SAESpec(TopK(width=12, k=3)),
    "relu-4": SAESpec(ReLU(width=12, l1=0.5), 4),
    "neurons": SAESpec(Neurons()),
}


def small():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 5)]
    module = nn.Sequential(*layers).eval()
    module[-1].weight.data *= 20
    return Network.from_module(module, size=32)


def pixels(images, indices):
    return torch.stack([images.read(index)[0] for index in indices]).float() / 255


def held_out(rows):
    return Batches(rows, TRAINING).held_out_images.tolist()


def rows_of(rows, images):
    return rows.gather(torch.tensor([16 * image + row for image in images for row in range(16)]))
