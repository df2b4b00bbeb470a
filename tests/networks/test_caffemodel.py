import random
import time

import numpy as np
import pytest
import torch
from caffe_files import (
    NEW,
    V1,
    doubles,
    field,
    in_two_pieces,
    layer,
    legacy_shape,
    packed,
    packed_shape,
    padded_legacy_shape,
    unpacked,
    unpacked_doubles,
    unpacked_shape,
)

from visae._support.errors import VisaeError
from visae.networks import _caffemodel as caffemodel
from visae.networks._caffemodel import FIXED32, FIXED64, LENGTH, VARINT, MalformedError, read_caffemodel


def saved(tmp_path, content):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(content)
    return path


def numbers(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


KERNEL, BIAS, MATRIX, OFFSET = numbers(3, 2, 1, 2), numbers(3), numbers(2, 4), numbers(2)
HEADER = field(1, "a network") + field(3, "data") + field(4, 10) + field(8, field(1, b"\x01\x03"))


def pieces(layout, values, shape=padded_legacy_shape):
    """A network with a convolution, a layer without blobs and an inner product, in one of the layouts."""
    return [
        HEADER,
        layer(layout, "conv1/7x7_s2", "conv", shape(3, 2, 1, 2) + values(KERNEL), shape(3) + values(BIAS)),
        layer(layout, "relu", ""),
        layer(layout, "classifier", "fc", shape(2, 4) + values(MATRIX), values(OFFSET) + shape(2)),
    ]


@pytest.mark.parametrize("layout", [V1, NEW])
@pytest.mark.parametrize("values", [packed, in_two_pieces, unpacked, doubles, unpacked_doubles])
@pytest.mark.parametrize("shape", [padded_legacy_shape, packed_shape, unpacked_shape])
def test_every_layout_gives_the_same_tensors(tmp_path, layout, values, shape):
    tensors = read_caffemodel(saved(tmp_path, b"".join(pieces(layout, values, shape))))
    expected = {
        "conv1_7x7_s2.weight": KERNEL,
        "conv1_7x7_s2.bias": BIAS,
        "classifier.weight": MATRIX,
        "classifier.bias": OFFSET,
    }
    assert list(tensors) == list(expected)
    for name, tensor in tensors.items():
        assert tensor.dtype == torch.float32
        torch.testing.assert_close(tensor, torch.from_numpy(expected[name]), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("kind", "sizes", "shape"),
    [
        ("conv", (1, 1, 3, 2), (1, 1, 3, 2)),
        ("conv", (6, 1, 1, 1), (6, 1, 1, 1)),
        ("fc", (1, 1, 3, 2), (3, 2)),
        ("fc", (1, 1, 1, 6), (1, 6)),
        ("", (1, 1, 3, 2), (3, 2)),
    ],
)
def test_padding_of_legacy_shapes_is_dropped(tmp_path, kind, sizes, shape):
    path = saved(tmp_path, layer(V1, "a", kind, legacy_shape(*sizes) + packed(numbers(6))))
    assert read_caffemodel(path)["a.weight"].shape == shape


def test_new_shapes_keep_leading_ones(tmp_path):
    path = saved(tmp_path, layer(NEW, "a", "fc", packed_shape(1, 1, 3, 2) + packed(numbers(6))))
    assert read_caffemodel(path)["a.weight"].shape == (1, 1, 3, 2)


def test_legacy_shapes_and_doubles_take_precedence_as_in_caffe(tmp_path):
    both = legacy_shape(1, 2, 3, 1) + packed_shape(6) + packed(numbers(2)) + doubles(np.arange(6))
    tensors = read_caffemodel(saved(tmp_path, layer(NEW, "a", "conv", both)))
    torch.testing.assert_close(tensors["a.weight"], torch.arange(6.0).reshape(1, 2, 3, 1))


def test_name_of_a_third_blob(tmp_path):
    blob = packed_shape(6) + packed(numbers(6))
    tensors = read_caffemodel(saved(tmp_path, layer(NEW, "bn", "", blob, blob, blob)))
    assert list(tensors) == ["bn.weight", "bn.bias", "bn.blob2"]


BLOB = packed_shape(6) + packed(numbers(6))
BROKEN = [
    (b"", "no layer with weights"),
    (b'name: "GoogleNet"\ninput: "data"\n', "wire type|are left|middle"),
    (layer(NEW, "relu", ""), "no layer with weights"),
    (layer(NEW, "a/b", "fc", BLOB) + layer(NEW, "a_b", "fc", BLOB), r"two tensors named 'a_b\.weight'"),
    (layer(NEW, "", "fc", BLOB), "no name"),
    (layer(NEW, b"\xff", "fc", BLOB), "not UTF-8"),
    (layer(NEW, "a", "fc", packed_shape(2, 4) + packed(numbers(6))), r"6 values.*\(2, 4\)"),
    (layer(NEW, "a", "fc", packed(numbers(6))), r"6 values.*\(\)"),
    (layer(NEW, "a", "fc", packed_shape(0)), "0 values"),
    (layer(NEW, "a", "fc", packed_shape(2**63, 2**63) + packed(numbers(6))), "6 values"),
    (layer(NEW, "a", "fc", packed_shape(*[1] * 33) + packed(numbers(1))), "more than 32 axes"),
    (layer(NEW, "a", "fc", packed_shape(1) + field(5, b"12345")), "5 bytes of 4-byte"),
    (layer(V1, "a", "fc", field(1, 1) + packed(numbers(1))), r"\(1, 0, 0, 0\)"),
    (layer(V1, "a\nb", "fc", packed_shape(2) + packed(numbers(1))), "1 values"),
]


@pytest.mark.parametrize(("content", "message"), BROKEN)
def test_broken_files_are_refused_in_one_line(tmp_path, content, message):
    path = saved(tmp_path, content)
    with pytest.raises(VisaeError, match=message) as caught:
        read_caffemodel(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(VisaeError, match="does not exist"):
        read_caffemodel(tmp_path / "net.caffemodel")


def read_or_refuse(path, content):
    """The tensors, or None if they were refused; anything but a `VisaeError` fails the test."""
    path.write_bytes(content)
    try:
        return read_caffemodel(path)
    except VisaeError:
        return None


@pytest.mark.parametrize("layout", [V1, NEW])
def test_truncated_files_are_refused_unless_whole_layers_are_left(tmp_path, layout):
    header, convolution, relu, classifier = pieces(layout, packed)
    whole = header + convolution + relu + classifier
    path = tmp_path / "net.caffemodel"
    readable = [size for size in range(len(whole) + 1) if read_or_refuse(path, whole[:size]) is not None]
    first = len(header) + len(convolution)
    assert readable == [first, first + len(relu), len(whole)]


def test_flipped_and_random_bytes_raise_nothing_but_visae_errors(tmp_path):
    chance = random.Random(0)
    refused = 0
    for layout in (V1, NEW):
        whole = b"".join(pieces(layout, packed, packed_shape))
        for _ in range(80):
            damaged = bytearray(whole)
            for _ in range(chance.randint(1, 3)):
                damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
            refused += read_or_refuse(tmp_path / "a.caffemodel", bytes(damaged)) is None
        for _ in range(40):
            refused += read_or_refuse(tmp_path / "a.caffemodel", chance.randbytes(chance.randrange(400))) is None
    assert refused > 80


def test_large_files_are_read_without_a_loop_over_values(tmp_path):
    shape = (256, 512, 5, 5)
    path = saved(tmp_path, layer(V1, "a", "conv", legacy_shape(*shape) + packed(np.ones(shape, np.float32))))
    started = time.process_time()
    assert read_caffemodel(path)["a.weight"].shape == shape
    assert time.process_time() - started < 0.5


def listed(message):
    return [(f.number, f.wire, f.value, bytes(f.data)) for f in caffemodel.fields(memoryview(message))]


# The first two messages are examples of the protobuf encoding's specification.
MESSAGES = [
    (b"\x08\x96\x01", [(1, VARINT, 150, b"")]),
    (b"\x12\x07testing", [(2, LENGTH, 0, b"testing")]),
    (b"\xa2\x06\x00", [(100, LENGTH, 0, b"")]),
    (b"\x2d\x00\x00\x80\x3f", [(5, FIXED32, 0, b"\x00\x00\x80\x3f")]),
    (b"\x41" + b"12345678", [(8, FIXED64, 0, b"12345678")]),
    (b"\x08" + b"\xff" * 9 + b"\x01", [(1, VARINT, 2**64 - 1, b"")]),
    (b"\x08\x01\x12\x01a", [(1, VARINT, 1, b""), (2, LENGTH, 0, b"a")]),
    (b"", []),
]


@pytest.mark.parametrize(("message", "expected"), MESSAGES)
def test_known_protobuf_messages(message, expected):
    assert listed(message) == expected


@pytest.mark.parametrize(
    ("message", "fault"),
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
def test_malformed_protobuf_messages(message, fault):
    with pytest.raises(MalformedError, match=fault):
        listed(message)


def test_packed_protobuf_numbers():
    assert list(caffemodel.varints(memoryview(b"\x03\x8e\x02\x9e\xa7\x05"))) == [3, 270, 86942]
    with pytest.raises(MalformedError):
        list(caffemodel.varints(memoryview(b"\x03\x8e")))
