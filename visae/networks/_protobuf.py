"""Protobuf's wire format, as far as reading needs it: a message's fields, one after the other."""

from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

_FIXED = {FIXED64: 8, FIXED32: 4}
_NONE = memoryview(b"")


class MalformedError(ValueError):
    """Bytes that are not what they should be; the reader of a file turns it into a `VisaeError`."""


class Field(NamedTuple):
    """A field: `value` holds a varint (unsigned, below 2^64), `data` the bytes of any other wire type."""

    number: int
    wire: int
    value: int
    data: memoryview


def fields(message: memoryview) -> Iterator[Field]:
    """The fields of a message, without copying; raises `MalformedError` where its bytes make no sense."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise MalformedError(f"a field has number 0 {at} bytes into a message")
        if wire == VARINT:
            value, at = _varint(message, at)
            yield Field(number, wire, value, _NONE)
            continue
        size, at = (_FIXED[wire], at) if wire in _FIXED else _length(message, at, wire)
        if size > len(message) - at:
            raise MalformedError(f"a field needs {size:,} bytes where {len(message) - at:,} are left")
        yield Field(number, wire, 0, message[at : at + size])
        at += size


def varints(packed: memoryview) -> Iterator[int]:
    """The numbers of a packed repeated field."""
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value


def _length(message: memoryview, at: int, wire: int) -> tuple[int, int]:
    if wire != LENGTH:
        raise MalformedError(f"a field has wire type {wire}, which no caffemodel has")
    return _varint(message, at)


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        if at + place >= len(message):
            raise MalformedError("it ends in the middle of a number")
        byte = message[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value & (2**64 - 1), at + place + 1
    raise MalformedError("a number is longer than ten bytes")
