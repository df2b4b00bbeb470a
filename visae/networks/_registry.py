"""Open a network, or list its layers, by name."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from visae._support.devices import open_device
from visae._support.errors import VisaeError
from visae.networks._cards import named_card
from visae.networks._catalogue import TORCHVISION, is_planted, network_names, unknown_network
from visae.networks._inception import AUXILIARY_HEADS, FLAVOURS, Flavour, InceptionV1
from visae.networks._layers import Layer
from visae.networks._network import Network
from visae.networks._weight_files import find_weights
from visae.networks._weights import check_weights, read_weights, weights_digest
from visae.networks.planted._network import INHIBITION, PlantedNetwork


def network(name: str, weights: str | Path | None = None, device: torch.device | str | None = None) -> Network:
    """Open a network by name, with verified weights.

    name:     `planted`, `planted:S` (S: lateral inhibition, -1..1), `inceptionv1`, `inceptionv1-caffe`, or
              `torchvision:NAME` for any classifier of torchvision.
    weights:  a weights file, or its folder; if None, `VISAE_WEIGHTS` and then the cache are searched.
    device:   if None, CUDA if available, else the CPU.

    Raises `VisaeError` for an unknown name (it lists the nearest), and for weights that are missing or do not fit the
    network.
    """
    path = Path(weights) if weights is not None else None
    device = open_device(device)
    if is_planted(name):
        return _open_planted(name, device)
    if name in FLAVOURS:
        return _open_inception(name, FLAVOURS[name], path, device)
    if name.startswith(TORCHVISION):
        return _open_torchvision(name, path, device)
    raise unknown_network(name, network_names())


def network_layers(name: str) -> Mapping[str, Layer]:
    """Return the layers of a network by name, in the order of the forward pass; needs no weights.

    Raises `VisaeError` for an unknown name.
    """
    if is_planted(name):
        return PlantedNetwork().layers
    if name in FLAVOURS:
        return InceptionV1(FLAVOURS[name]).layers
    if name.startswith(TORCHVISION):
        # Takes a second to import, and other networks do not need it.
        from visae.networks._torchvision import build_classifier, torchvision_card

        short = name.removeprefix(TORCHVISION)
        torchvision_card(short)
        return Network.from_module(build_classifier(short), name=name).layers
    raise unknown_network(name, network_names())


def _open_planted(name: str, device: torch.device | str) -> Network:
    _, _, strength = name.partition(":")
    try:
        inhibition = float(strength) if strength else INHIBITION
    except ValueError:
        raise VisaeError(f"{name!r} gives no strength of inhibition; write planted:S with S from -1 to 1") from None
    module = PlantedNetwork(inhibition)
    return Network(name, module, weights_digest(module.state_dict()), device)


def _open_inception(name: str, flavour: Flavour, path: Path | None, device: torch.device | str) -> Network:
    module = InceptionV1(flavour)
    file = find_weights(named_card(name), path)
    stored, shapes = _transpose_classifier(read_weights(file)), module.stored_shapes()
    if not stored.keys() & shapes.keys():
        _refuse_other_flavour(name, stored, file)
    tensors = check_weights(stored, shapes, file, AUXILIARY_HEADS)
    module.load(tensors)
    return Network(name, module, weights_digest(tensors), device)


def _refuse_other_flavour(name: str, stored: Mapping[str, Tensor], file: Path) -> None:
    """Raise `VisaeError` for the weights of another flavour of InceptionV1."""
    for other in FLAVOURS:
        if InceptionV1(FLAVOURS[other]).stored_shapes().keys() <= stored.keys():
            expected = " or ".join(named_card(name).file_names())
            raise VisaeError(
                f"{file} holds the weights of {other}, expected those of {name} ({expected}); "
                f"name the network {other}, or download the other weights: visae fetch {name}"
            )


def _transpose_classifier(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the classifier's weight as (out, in): `.npz` files of the Caffe flavour store it as (in, out)."""
    name = "loss3_classifier.weight"
    if name in tensors and tensors[name].ndim == 2 and tensors[name].shape[0] > tensors[name].shape[1]:
        return tensors | {name: tensors[name].T.contiguous()}
    return tensors


def _open_torchvision(name: str, path: Path | None, device: torch.device | str) -> Network:
    from visae.networks._torchvision import Normalisation, build_classifier, load_classifier, torchvision_card

    short = name.removeprefix(TORCHVISION)
    file = find_weights(torchvision_card(short), path)
    module = build_classifier(short)
    load_classifier(module, read_weights(file), file)
    return Network.from_module(module, preprocess=Normalisation(short), name=name, device=device)
