import random
import time

import numpy as np
import pytest
import torch

from visae._support.errors import VisaeError
from visae.networks import _caffemodel as caffemodel

V1, NEW = "layers of old Caffe", "layers of new Caffe"
# Field numbers of (the network's layers, a layer's name, its type, its blobs) and the type's two values.
LAYOUT = {
    V1: (2, 4, 5, 6, {"conv": 4, "fc": 14}),
    NEW: (100, 1, 2, 7, {"conv": "Convolution", "fc": "InnerProduct"}),
}


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def legacy_shape(*sizes):
    return b"".join(field(number, size) for number, size in enumerate(sizes, 1))


def packed_shape(*sizes):
    return field(7, field(1, b"".join(map(varint, sizes))))


def unpacked_shape(*sizes):
    return field(7, b"".join(field(1, size) for size in sizes))


def packed(values):
    return field(5, np.asarray(values, "<f4").tobytes())


def in_two_pieces(values):
    flat = np.asarray(values, "<f4").ravel()
    return packed(flat[:3]) + packed(flat[3:])


def unpacked(values):
    flat = np.asarray(values, "<f4").ravel()
    return b"".join(varint(5 << 3 | 5) + value.tobytes() for value in flat)


def doubles(values):
    return field(8, np.asarray(values, "<f8").tobytes())


def unpacked_doubles(values):
    return b"".join(varint(8 << 3 | 1) + value.tobytes() for value in np.asarray(values, "<f8").ravel())


def layer(layout, name, kind, *blobs):
    own, named, typed, blobbed, kinds = LAYOUT[layout]
    content = field(named, name) + (field(typed, kinds[kind]) if kind else b"")
    return field(own, content + b"".join(field(blobbed, blob) for blob in blobs))


def saved(tmp_path, content):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(content)
    return path


def numbers(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


KERNEL, BIAS, MATRIX = numbers(4, 2, 3, 3), numbers(4), numbers(5, 6)
HEADER = field(1, "a network") + field(3, "data") + field(4, 10) + field(8, field(1, b"\x01\x03"))


def pieces(layout, values, shape=None):
    """A network with a convolution, a layer without blobs and an inner product, in one of the layouts."""
    own = (lambda *sizes: legacy_shape(*(1,) * (4 - len(sizes)), *sizes)) if shape is None else shape
    return [
        HEADER,
        layer(layout, "conv1/7x7_s2", "conv", own(4, 2, 3, 3) + values(KERNEL), own(4) + values(BIAS)),
        layer(layout, "relu", ""),
        layer(layout, "classifier", "fc", own(5, 6) + values(MATRIX), values(numbers(5)) + own(5)),
    ]


def small(layout, values, shape=None):
    return b"".join(pieces(layout, values, shape))


@pytest.mark.parametrize("layout", [V1, NEW])
@pytest.mark.parametrize("values", [packed, in_two_pieces, unpacked, doubles, unpacked_doubles])
@pytest.mark.parametrize("shape", [None, packed_shape, unpacked_shape])
def test_every_layout_gives_the_same_tensors(tmp_path, layout, values, shape):
    found = caffemodel.read(saved(tmp_path, small(layout, values, shape)))
    expected = {
        "conv1_7x7_s2.weight": KERNEL,
        "conv1_7x7_s2.bias": BIAS,
        "classifier.weight": MATRIX,
        "classifier.bias": numbers(5),
    }
    assert list(found) == list(expected)
    for name, tensor in found.items():
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
def test_the_four_axes_of_old_caffe(tmp_path, kind, sizes, shape):
    path = saved(tmp_path, layer(V1, "a", kind, legacy_shape(*sizes) + packed(numbers(6))))
    assert caffemodel.read(path)["a.weight"].shape == shape


def test_new_shapes_are_kept_as_they_are(tmp_path):
    path = saved(tmp_path, layer(NEW, "a", "fc", packed_shape(1, 1, 3, 2) + packed(numbers(6))))
    assert caffemodel.read(path)["a.weight"].shape == (1, 1, 3, 2)


def test_old_dimensions_and_doubles_win_as_in_caffe(tmp_path):
    both = legacy_shape(1, 2, 3, 1) + packed_shape(6) + packed(numbers(2)) + doubles(np.arange(6))
    found = caffemodel.read(saved(tmp_path, layer(NEW, "a", "conv", both)))
    torch.testing.assert_close(found["a.weight"], torch.arange(6.0).reshape(1, 2, 3, 1))


def test_a_third_blob_has_a_name_of_its_own(tmp_path):
    blob = packed_shape(6) + packed(numbers(6))
    assert list(caffemodel.read(saved(tmp_path, layer(NEW, "bn", "", blob, blob, blob)))) == [
        "bn.weight",
        "bn.bias",
        "bn.blob2",
    ]


BLOB = packed_shape(6) + packed(numbers(6))
BROKEN = [
    (b"", "no layer with weights"),
    (b'name: "GoogleNet"\ninput: "data"\n', "wire type|are left|middle"),
    (layer(NEW, "relu", ""), "no layer with weights"),
    (layer(NEW, "a/b", "fc", BLOB) + layer(NEW, "a_b", "fc", BLOB), "two tensors named 'a_b.weight'"),
    (layer(NEW, "", "fc", BLOB), "no name"),
    (layer(NEW, b"\xff", "fc", BLOB), "not UTF-8"),
    (layer(NEW, "a", "fc", packed_shape(2, 4) + packed(numbers(6))), r"6 values, its shape is \(2, 4\)"),
    (layer(NEW, "a", "fc", packed(numbers(6))), r"6 values, its shape is \(\)"),
    (layer(NEW, "a", "fc", packed_shape(0)), "0 values"),
    (layer(NEW, "a", "fc", packed_shape(2**63, 2**63) + packed(numbers(6))), "6 values"),
    (layer(NEW, "a", "fc", packed_shape(*[1] * 33) + packed(numbers(1))), "more than 32 axes"),
    (layer(NEW, "a", "fc", packed_shape(1) + field(5, b"12345")), "5 bytes of 4-byte"),
    (layer(V1, "a", "fc", field(1, 1) + packed(numbers(1))), r"its shape is \(1, 0, 0, 0\)"),
    (layer(V1, "a\nb", "fc", packed_shape(2) + packed(numbers(1))), "1 values"),
]


@pytest.mark.parametrize(("content", "said"), BROKEN)
def test_what_is_no_caffemodel_is_refused_in_one_line(tmp_path, content, said):
    path = saved(tmp_path, content)
    with pytest.raises(VisaeError, match=said) as caught:
        caffemodel.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(VisaeError, match="does not exist"):
        caffemodel.read(tmp_path / "net.caffemodel")


def outcome(path, content):
    """The tensors, or None where they were refused; anything but a `VisaeError` fails the test."""
    path.write_bytes(content)
    try:
        return caffemodel.read(path)
    except VisaeError:
        return None


@pytest.mark.parametrize("layout", [V1, NEW])
def test_a_file_cut_short_is_refused_unless_whole_layers_are_left(tmp_path, layout):
    header, convolution, relu, classifier = pieces(layout, packed)
    whole = header + convolution + relu + classifier
    path = tmp_path / "net.caffemodel"
    read = [size for size in range(len(whole) + 1) if outcome(path, whole[:size]) is not None]
    first = len(header) + len(convolution)
    assert read == [first, first + len(relu), len(whole)]


def test_flipped_bytes_are_refused_or_read_and_no_worse(tmp_path):
    chance = random.Random(0)
    refused = 0
    for layout in (V1, NEW):
        whole = small(layout, packed, packed_shape)
        for _ in range(400):
            damaged = bytearray(whole)
            for _ in range(chance.randint(1, 3)):
                damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
            refused += outcome(tmp_path / "a.caffemodel", bytes(damaged)) is None
        for _ in range(200):
            refused += outcome(tmp_path / "a.caffemodel", chance.randbytes(chance.randrange(400))) is None
    assert refused > 400


def test_fifty_megabytes_are_read_at_once(tmp_path):
    shape = (1024, 512, 5, 5)
    path = saved(tmp_path, layer(V1, "a", "conv", legacy_shape(*shape) + packed(np.ones(shape, np.float32))))
    started = time.process_time()
    assert caffemodel.read(path)["a.weight"].shape == shape
    assert time.process_time() - started < 2
