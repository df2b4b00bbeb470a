import pytest

from visae.networks import _protobuf as protobuf
from visae.networks._protobuf import FIXED32, FIXED64, LENGTH, VARINT, MalformedError


def listed(message):
    return [(f.number, f.wire, f.value, bytes(f.data)) for f in protobuf.fields(memoryview(message))]


# The first two messages are the examples of the encoding's specification.
KNOWN = [
    (b"\x08\x96\x01", [(1, VARINT, 150, b"")]),
    (b"\x12\x07testing", [(2, LENGTH, 0, b"testing")]),
    (b"\xa2\x06\x00", [(100, LENGTH, 0, b"")]),
    (b"\x2d\x00\x00\x80\x3f", [(5, FIXED32, 0, b"\x00\x00\x80\x3f")]),
    (b"\x41" + b"12345678", [(8, FIXED64, 0, b"12345678")]),
    (b"\x08" + b"\xff" * 9 + b"\x01", [(1, VARINT, 2**64 - 1, b"")]),
    (b"\x08\x01\x12\x01a", [(1, VARINT, 1, b""), (2, LENGTH, 0, b"a")]),
    (b"", []),
]


@pytest.mark.parametrize(("message", "expected"), KNOWN)
def test_known_messages(message, expected):
    assert listed(message) == expected


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (b"\x08", "middle of a number"),
        (b"\x08\x96", "middle of a number"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "longer than ten"),
        (b"\x12\x07test", "needs 7 bytes where 4 are left"),
        (b"\x12" + b"\xff" * 9 + b"\x01", "are left"),
        (b"\x2d\x00", "needs 4 bytes where 1 are left"),
        (b"\x41\x00", "needs 8 bytes"),
        (b"\x00\x00", "number 0"),
        (b"\x0b\x0c", "wire type 3"),
        (b"\x0e", "wire type 6"),
    ],
)
def test_malformed_messages(message, said):
    with pytest.raises(MalformedError, match=said):
        listed(message)


def test_packed_numbers():
    assert list(protobuf.varints(memoryview(b"\x03\x8e\x02\x9e\xa7\x05"))) == [3, 270, 86942]
    with pytest.raises(MalformedError):
        list(protobuf.varints(memoryview(b"\x03\x8e")))
