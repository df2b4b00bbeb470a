"""torchvision's classifiers: their published weights, and the preprocessing the weights expect."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from visae._support.errors import unknown
from visae.networks._cards import FileDigest, NetworkCard, WeightsFile
from visae.networks._weights import check_weights

# torchvision's own arguments for these two with published weights: renormalise images, skip slow random weights.
_ARGUMENTS = {name: {"transform_input": True, "init_weights": False} for name in ("googlenet", "inception_v3")}
# The published DenseNet files have dots in names, which modules no longer allow.
_DOTTED_NAME = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")


def torchvision_card(short: str) -> NetworkCard:
    """Return the card of a torchvision classifier; raises `VisaeError` with the nearest names if there is none."""
    known = torchvision.models.list_models(module=torchvision.models)
    if short not in known:
        raise unknown("torchvision network", short, known)
    published = _published_weights(short)
    file = published.url.rsplit("/", 1)[1]
    digest = FileDigest("sha256_prefix", file.rsplit("-", 1)[1].split(".")[0])
    return NetworkCard(
        name=f"torchvision:{short}",
        title=f"{short} of torchvision",
        description=f"torchvision's weights {published}",
        licence="as torchvision states for these weights",
        origin="torchvision",
        weights=(WeightsFile(file, published.url, digest),),
    )


def build_classifier(short: str) -> nn.Module:
    """Return a classifier with random weights, otherwise as torchvision builds it for its published weights."""
    module: nn.Module = torchvision.models.get_model(short, weights=None, **_ARGUMENTS.get(short, {}))
    return module.requires_grad_(False).eval()


def load_classifier(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Load the tensors of a published file into a module; raises `VisaeError` if they do not fit the module."""
    state = module.state_dict()
    # Files from before torch 0.4.1 have no batch counters; torch itself then starts from 0.
    counters = {name: torch.tensor(0) for name in state if name.endswith(".num_batches_tracked")}
    renamed = {_DOTTED_NAME.sub(r"\1\2", name): tensor for name, tensor in tensors.items()}
    checked = check_weights(counters | renamed, {name: tuple(value.shape) for name, value in state.items()}, path)
    for name, tensor in checked.items():
        state[name].copy_(tensor)


class Normalisation:
    """Preprocessing of a classifier's published weights: RGB images, 0..1, minus the mean, over the deviation."""

    def __init__(self, short: str):
        preset = _published_weights(short).transforms()
        self.mean, self.deviation = list(preset.mean), list(preset.std)

    def __call__(self, images: Tensor) -> Tensor:
        mean, deviation = (images.new_tensor(values).view(3, 1, 1) for values in (self.mean, self.deviation))
        return (images - mean) / deviation


def _published_weights(short: str) -> Any:
    return torchvision.models.get_model_weights(short).DEFAULT
