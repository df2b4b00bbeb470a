"""Read the tensors of Caffe's `.caffemodel` files without a protobuf library.

Fields are those of `caffe.proto` (BVLC/caffe): NetParameter, LayerParameter, V1LayerParameter, BlobProto and BlobShape.
Which of a blob's shapes and values count follows Caffe's `Blob::FromProto`. Protobuf's wire format is at the end.
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

# Protobuf's wire types.
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_FIXED_BYTES = {FIXED64: 8, FIXED32: 4}
_EMPTY = memoryview(b"")

_MAX_AXES = 32
_ROLES = ("weight", "bias")


class MalformedError(ValueError):
    """Bytes that are not a valid caffemodel; `read_caffemodel` turns it into a `VisaeError`."""


class Field(NamedTuple):
    """A protobuf field: `value` holds a varint (unsigned, below 2^64), `data` the bytes of any other wire type."""

    number: int
    wire: int
    value: int
    data: memoryview


class _FieldNumbers(NamedTuple):
    name: int
    type: int
    blobs: int


class _CaffeLayer(NamedTuple):
    name: str
    is_convolution: bool
    blobs: list[memoryview]


# V1LayerParameter and LayerParameter, by their field number in NetParameter.
_LAYER_FIELDS = {2: _FieldNumbers(name=4, type=5, blobs=6), 100: _FieldNumbers(name=1, type=2, blobs=7)}
# V1LayerParameter enumerates types (CONVOLUTION = 4, DECONVOLUTION = 39); LayerParameter names them.
_CONVOLUTIONS = (4, 39, b"Convolution", b"Deconvolution")


def read_caffemodel(path: Path) -> dict[str, Tensor]:
    """Return the float32 tensors of a network's layers: `<layer>.weight` and `<layer>.bias`, with `_` for `/`.

    A convolution's weight is `[out, in, h, w]`, an inner product's `[out, in]`, a bias `[n]`, even where the file pads
    each to the four axes of old Caffe. Further blobs become `<layer>.blob2`, ...; layers without blobs are skipped.
    Raises `VisaeError` for a file that is not a complete caffemodel.
    """
    try:
        return _tensors(memoryview(path.read_bytes()))
    except FileNotFoundError:
        raise VisaeError(f"{path} does not exist") from None
    except MalformedError as error:
        raise VisaeError(f"{path} is not a complete caffemodel ({error}); download it again") from None


def _tensors(network: memoryview) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for layer in _layers(network):
        for index, blob in enumerate(layer.blobs):
            role = _ROLES[index] if index < len(_ROLES) else f"blob{index}"
            name = f"{layer.name.replace('/', '_')}.{role}"
            if name in tensors:
                raise MalformedError(f"it has two tensors named {name!r}")
            tensors[name] = _tensor(blob, index, layer)
    if not tensors:
        raise MalformedError("it has no layer with weights")
    return tensors


def _layers(network: memoryview) -> Iterator[_CaffeLayer]:
    for field in fields(network):
        if field.number in _LAYER_FIELDS and field.wire == LENGTH:
            layer = _layer(field.data, _LAYER_FIELDS[field.number])
            if layer.blobs:
                yield layer


def _layer(message: memoryview, numbers: _FieldNumbers) -> _CaffeLayer:
    name = b""
    kind: int | bytes = 0
    blobs: list[memoryview] = []
    for field in fields(message):
        if (field.number, field.wire) == (numbers.name, LENGTH):
            name = bytes(field.data)
        elif (field.number, field.wire) == (numbers.blobs, LENGTH):
            blobs.append(field.data)
        elif field.number == numbers.type:
            kind = field.value if field.wire == VARINT else bytes(field.data)
    if blobs and not name:
        raise MalformedError("it has a layer with weights and no name")
    return _CaffeLayer(_text(name), kind in _CONVOLUTIONS, blobs)


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise MalformedError(f"the name {name!r} is not UTF-8") from None


def _tensor(blob: memoryview, index: int, layer: _CaffeLayer) -> Tensor:
    values, shape, legacy = _values(blob), _shape(blob), _legacy_shape(blob)
    if legacy:
        shape = _without_padding(legacy, index, layer.is_convolution)
    if not len(values) or math.prod(shape) != len(values):
        raise MalformedError(f"blob {index} of {layer.name!r} has {len(values)} values, but its shape is {shape}")
    return torch.from_numpy(values.astype(np.float32, copy=False)).reshape(shape)


def _without_padding(legacy: tuple[int, ...], index: int, is_convolution: bool) -> tuple[int, ...]:
    """Drop the leading ones of old Caffe's four axes: (1, 1, out, in) of an inner product, (1, 1, 1, n) of a bias."""
    if index > 0 and legacy[:3] == (1, 1, 1):
        return legacy[3:]
    if index == 0 and legacy[:2] == (1, 1) and not is_convolution:
        return legacy[2:]
    return legacy


def _values(blob: memoryview) -> Float[np.ndarray, " n"]:
    singles, doubles = bytearray(), bytearray()
    for field in fields(blob):
        if field.number == 5 and field.wire in (LENGTH, FIXED32):
            singles += field.data
        elif field.number == 8 and field.wire in (LENGTH, FIXED64):
            doubles += field.data
    data, kind = (doubles, np.dtype("<f8")) if doubles else (singles, np.dtype("<f4"))
    if len(data) % kind.itemsize:
        raise MalformedError(f"a blob has {len(data)} bytes of {kind.itemsize}-byte numbers")
    return np.frombuffer(data, kind)


def _legacy_shape(blob: memoryview) -> tuple[int, ...]:
    """Return (num, channels, height, width), 0 for each that is absent; empty if all four are."""
    sizes = {f.number: f.value for f in fields(blob) if f.number in (1, 2, 3, 4) and f.wire == VARINT}
    return tuple(sizes.get(number, 0) for number in (1, 2, 3, 4)) if sizes else ()


def _shape(blob: memoryview) -> tuple[int, ...]:
    messages = (f.data for f in fields(blob) if (f.number, f.wire) == (7, LENGTH))
    shape = tuple(islice((size for message in messages for size in _sizes(message)), _MAX_AXES + 1))
    if len(shape) > _MAX_AXES:
        raise MalformedError(f"a blob has more than {_MAX_AXES} axes")
    return shape


def _sizes(shape: memoryview) -> Iterator[int]:
    for field in fields(shape):
        if (field.number, field.wire) == (1, VARINT):
            yield field.value
        elif (field.number, field.wire) == (1, LENGTH):
            yield from varints(field.data)


def fields(message: memoryview) -> Iterator[Field]:
    """Yield the fields of a protobuf message, without copying; raises `MalformedError` for invalid bytes."""
    start = 0
    while start < len(message):
        key, start = _varint(message, start)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise MalformedError(f"a field has number 0 {start} bytes into a message")
        if wire == VARINT:
            value, start = _varint(message, start)
            yield Field(number, wire, value, _EMPTY)
            continue
        size, start = (_FIXED_BYTES[wire], start) if wire in _FIXED_BYTES else _length(message, start, wire)
        if size > len(message) - start:
            raise MalformedError(f"a field needs {size:,} bytes where {len(message) - start:,} are left")
        yield Field(number, wire, 0, message[start : start + size])
        start += size


def varints(packed: memoryview) -> Iterator[int]:
    """Yield the numbers of a packed repeated field."""
    start = 0
    while start < len(packed):
        value, start = _varint(packed, start)
        yield value


def _length(message: memoryview, start: int, wire: int) -> tuple[int, int]:
    if wire != LENGTH:
        raise MalformedError(f"a field has wire type {wire}, which no caffemodel has")
    return _varint(message, start)


def _varint(message: memoryview, start: int) -> tuple[int, int]:
    """Return the number that starts at a byte, and the byte after it."""
    value = 0
    for index in range(10):
        if start + index >= len(message):
            raise MalformedError("it ends in the middle of a number")
        byte = message[start + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & (2**64 - 1), start + index + 1
    raise MalformedError("a number is longer than ten bytes")
