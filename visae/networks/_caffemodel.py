"""Reading Caffe's `.caffemodel` files: the tensors, and nothing else, with no protobuf library.

The fields are those of `caffe.proto` (BVLC/caffe): NetParameter, LayerParameter, V1LayerParameter,
BlobProto and BlobShape. Which of a blob's shapes and values count follows Caffe's `Blob::FromProto`.
"""

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.networks import _protobuf as protobuf
from visae.networks._protobuf import FIXED32, FIXED64, LENGTH, VARINT, MalformedError

_MOST_AXES = 32
_ROLES = ("weight", "bias")


class _Layout(NamedTuple):
    name: int
    type: int
    blobs: int


class _Layer(NamedTuple):
    name: str
    is_convolution: bool
    blobs: list[memoryview]


_LAYOUTS = {2: _Layout(name=4, type=5, blobs=6), 100: _Layout(name=1, type=2, blobs=7)}
# V1LayerParameter's enumeration has CONVOLUTION = 4, DECONVOLUTION = 39; LayerParameter has names.
_CONVOLUTIONS = (4, 39, b"Convolution", b"Deconvolution")


def read(path: Path) -> dict[str, Tensor]:
    """The float32 tensors of a network's layers, `<layer>.weight` and `<layer>.bias`, `/` written as `_`.

    A convolution's weight is `[out, in, h, w]`, an inner product's `[out, in]`, a bias `[n]`, also where
    the file has the four axes of old Caffe for each. A third blob and any later are `<layer>.blob2`, ...;
    layers without blobs are left out. Raises `VisaeError` for a file that is not a whole caffemodel.
    """
    try:
        return _tensors(memoryview(path.read_bytes()))
    except FileNotFoundError:
        raise VisaeError(f"{path} does not exist") from None
    except MalformedError as error:
        raise VisaeError(f"{path} is not a whole caffemodel ({error}); download it again") from None


def _tensors(network: memoryview) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for layer in _layers(network):
        for index, blob in enumerate(layer.blobs):
            role = _ROLES[index] if index < len(_ROLES) else f"blob{index}"
            name = f"{layer.name.replace('/', '_')}.{role}"
            if name in found:
                raise MalformedError(f"it has two tensors named {name!r}")
            found[name] = _tensor(blob, index, layer)
    if not found:
        raise MalformedError("it has no layer with weights")
    return found


def _layers(network: memoryview) -> Iterator[_Layer]:
    for field in protobuf.fields(network):
        if field.number in _LAYOUTS and field.wire == LENGTH:
            layer = _layer(field.data, _LAYOUTS[field.number])
            if layer.blobs:
                yield layer


def _layer(message: memoryview, layout: _Layout) -> _Layer:
    name = b""
    kind: int | bytes = 0
    blobs: list[memoryview] = []
    for field in protobuf.fields(message):
        if (field.number, field.wire) == (layout.name, LENGTH):
            name = bytes(field.data)
        elif (field.number, field.wire) == (layout.blobs, LENGTH):
            blobs.append(field.data)
        elif field.number == layout.type:
            kind = field.value if field.wire == VARINT else bytes(field.data)
    if blobs and not name:
        raise MalformedError("it has a layer with weights and no name")
    return _Layer(_text(name), kind in _CONVOLUTIONS, blobs)


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise MalformedError(f"the name {name!r} is not UTF-8") from None


def _tensor(blob: memoryview, index: int, layer: _Layer) -> Tensor:
    values, shape, legacy = _values(blob), _dimensions(blob), _legacy_dimensions(blob)
    if legacy:
        shape = _without_padding(legacy, index, layer.is_convolution)
    if not len(values) or math.prod(shape) != len(values):
        raise MalformedError(f"blob {index} of {layer.name!r} has {len(values)} values, its shape is {shape}")
    return torch.from_numpy(values.astype(np.float32, copy=False)).reshape(shape)


def _without_padding(legacy: tuple[int, ...], index: int, is_convolution: bool) -> tuple[int, ...]:
    """Old Caffe gave every blob four axes: 1, 1, out, in for an inner product and 1, 1, 1, n for a bias."""
    if index > 0 and legacy[:3] == (1, 1, 1):
        return legacy[3:]
    if index == 0 and legacy[:2] == (1, 1) and not is_convolution:
        return legacy[2:]
    return legacy


def _values(blob: memoryview) -> Float[np.ndarray, " n"]:
    singles, doubles = bytearray(), bytearray()
    for field in protobuf.fields(blob):
        if field.number == 5 and field.wire in (LENGTH, FIXED32):
            singles += field.data
        elif field.number == 8 and field.wire in (LENGTH, FIXED64):
            doubles += field.data
    data, kind = (doubles, np.dtype("<f8")) if doubles else (singles, np.dtype("<f4"))
    if len(data) % kind.itemsize:
        raise MalformedError(f"a blob has {len(data)} bytes of {kind.itemsize}-byte numbers")
    return np.frombuffer(data, kind)


def _legacy_dimensions(blob: memoryview) -> tuple[int, ...]:
    """num, channels, height and width, 0 where one is left out; empty where all four are."""
    given = {f.number: f.value for f in protobuf.fields(blob) if f.number in (1, 2, 3, 4) and f.wire == VARINT}
    return tuple(given.get(number, 0) for number in (1, 2, 3, 4)) if given else ()


def _dimensions(blob: memoryview) -> tuple[int, ...]:
    shapes = (f.data for f in protobuf.fields(blob) if (f.number, f.wire) == (7, LENGTH))
    dimensions = tuple(islice((size for shape in shapes for size in _sizes(shape)), _MOST_AXES + 1))
    if len(dimensions) > _MOST_AXES:
        raise MalformedError(f"a blob has more than {_MOST_AXES} axes")
    return dimensions


def _sizes(shape: memoryview) -> Iterator[int]:
    for field in protobuf.fields(shape):
        if (field.number, field.wire) == (1, VARINT):
            yield field.value
        elif (field.number, field.wire) == (1, LENGTH):
            yield from protobuf.varints(field.data)
