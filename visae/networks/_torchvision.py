"""torchvision's classifiers: the weights that each was published with, and what those weights expect."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from visae._support.errors import unknown
from visae.networks import _weights as weights
from visae.networks._cards import Card, WeightsFile
from visae.networks._digests import Digest

# As torchvision builds these two for published weights: they renormalise images, and draw no costly random weights.
_BUILT_WITH = {name: {"transform_input": True, "init_weights": False} for name in ("googlenet", "inception_v3")}
# The published DenseNets still carry names with dots that module names may no longer have.
_OLD_NAME = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")


def card(short: str) -> Card:
    """The card of a classifier of torchvision; raises `VisaeError` with the nearest names if there is none."""
    known = torchvision.models.list_models(module=torchvision.models)
    if short not in known:
        raise unknown("torchvision network", short, known)
    published = _published(short)
    file = published.url.rsplit("/", 1)[1]
    digest = Digest("sha256_prefix", file.rsplit("-", 1)[1].split(".")[0])
    return Card(
        name=f"torchvision:{short}",
        title=f"{short} of torchvision",
        description=f"torchvision's weights {published}",
        licence="as torchvision states for these weights",
        origin="torchvision",
        weights=(WeightsFile(file, published.url, digest),),
    )


def build(short: str) -> nn.Module:
    """A classifier with random weights, otherwise as torchvision builds it for its published weights."""
    module: nn.Module = torchvision.models.get_model(short, weights=None, **_BUILT_WITH.get(short, {}))
    return module.requires_grad_(False).eval()


def load(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Put the tensors of a published file into a module; raises `VisaeError` if they are not the module's."""
    state = module.state_dict()
    # Files from before torch 0.4.1 do not count the batches they were trained on; torch itself then starts from 0.
    counters = {name: torch.tensor(0) for name in state if name.endswith(".num_batches_tracked")}
    found = counters | {_OLD_NAME.sub(r"\1\2", name): tensor for name, tensor in tensors.items()}
    checked = weights.check(found, {name: tuple(value.shape) for name, value in state.items()}, path)
    for name, tensor in checked.items():
        state[name].copy_(tensor)


class Preprocess:
    """RGB, 0..1, to the units that a classifier's published weights expect: its own mean and standard deviation."""

    def __init__(self, short: str):
        preset = _published(short).transforms()
        self.mean, self.deviation = list(preset.mean), list(preset.std)

    def __call__(self, images: Tensor) -> Tensor:
        mean, deviation = (images.new_tensor(values).view(3, 1, 1) for values in (self.mean, self.deviation))
        return (images - mean) / deviation


def _published(short: str) -> Any:
    return torchvision.models.get_model_weights(short).DEFAULT
