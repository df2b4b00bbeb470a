"""From a network's name to the network."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from visae._support.devices import open_device
from visae._support.errors import VisaeError, unknown
from visae.networks import _torchvision as classifiers
from visae.networks import _weights as weights
from visae.networks._cards import Card, card
from visae.networks._containers import read
from visae.networks._inception import CAFFE, SPARE, TENSORFLOW, Flavour, InceptionV1
from visae.networks._layers import Layer
from visae.networks._network import Network
from visae.networks.planted._network import INHIBITION, Planted

_TORCHVISION = "torchvision:"
_PLANTED = "planted"
FLAVOURS = {"inceptionv1": TENSORFLOW, "inceptionv1-caffe": CAFFE}


def names() -> list[str]:
    """The networks that `network` knows by a fixed name; `torchvision:NAME` stands for many more."""
    return [_PLANTED, *FLAVOURS]


def network(name: str, weights: str | Path | None = None, device: torch.device | str | None = None) -> Network:
    """A network by name, with verified weights.

    name:     `planted`, `planted:S` (S: lateral inhibition, -1..1), `inceptionv1`, `inceptionv1-caffe`, or
              `torchvision:NAME` for any classifier of torchvision.
    weights:  a file of weights, or a folder that holds it; otherwise `VISAE_WEIGHTS`, then the cache are searched.
    device:   CUDA where there is one, if None.

    Raises `VisaeError` for a name that does not exist (it lists the nearest), and for weights that are missing or not
    this network's.
    """
    place = Path(weights) if weights is not None else None
    device = open_device(device)
    if name == _PLANTED or name.startswith(f"{_PLANTED}:"):
        return _planted(name, device)
    if name in FLAVOURS:
        return _inception(name, FLAVOURS[name], place, device)
    if name.startswith(_TORCHVISION):
        return _torchvision(name, place, device)
    raise unknown("network", name, [*names(), f"{_TORCHVISION}resnet18"])


def network_card(name: str) -> Card:
    """The card of a network that has weights to fetch; raises `VisaeError` for others."""
    if name.startswith(_TORCHVISION):
        return classifiers.card(name.removeprefix(_TORCHVISION))
    if name.split(":")[0] == _PLANTED:
        raise VisaeError("the planted network is built, not trained: it has no weights to fetch; use it as it is")
    if name not in FLAVOURS:
        raise unknown("network", name, [*FLAVOURS, f"{_TORCHVISION}resnet18"])
    return card(name)


def _planted(name: str, device: torch.device | str) -> Network:
    _, _, strength = name.partition(":")
    try:
        inhibition = float(strength) if strength else INHIBITION
    except ValueError:
        raise VisaeError(f"{name!r} gives no strength of inhibition; write planted:S with S from -1 to 1") from None
    module = Planted(inhibition)
    return Network(name, module, weights.digest(module.state_dict()), device)


def _inception(name: str, flavour: Flavour, place: Path | None, device: torch.device | str) -> Network:
    module = InceptionV1(flavour)
    path = weights.find(card(name), place)
    tensors = weights.check(_as_stored(read(path)), module.stored_shapes(), path, SPARE)
    module.load(tensors)
    return Network(name, module, weights.digest(tensors), device)


def _as_stored(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The class scores' weights as (out, in): a `.npz` of the Caffe form has them as (in, out)."""
    name = "loss3_classifier.weight"
    if name in tensors and tensors[name].ndim == 2 and tensors[name].shape[0] > tensors[name].shape[1]:
        return tensors | {name: tensors[name].T.contiguous()}
    return tensors


def _torchvision(name: str, place: Path | None, device: torch.device | str) -> Network:
    short = name.removeprefix(_TORCHVISION)
    path = weights.find(classifiers.card(short), place)
    module = classifiers.build(short)
    classifiers.load(module, read(path), path)
    return Network.from_module(module, preprocess=classifiers.Preprocess(short), name=name, device=device)


def layers(name: str) -> Mapping[str, Layer]:
    """The layers of a network by name, in the order of the forward pass; needs no weights."""
    if name.split(":")[0] == _PLANTED:
        return Planted().layers
    if name in FLAVOURS:
        return InceptionV1(FLAVOURS[name]).layers
    if name.startswith(_TORCHVISION):
        short = name.removeprefix(_TORCHVISION)
        classifiers.card(short)
        return Network.from_module(classifiers.build(short), name=name).layers
    raise unknown("network", name, [*names(), f"{_TORCHVISION}resnet18"])
