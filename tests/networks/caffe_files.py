"""Write small `.caffemodel` files, in the layouts of old and of new Caffe."""

import numpy as np

V1, NEW = "V1LayerParameter", "LayerParameter"
# Field numbers of (the network's layers, a layer's name, its type, its blobs), and the type's two values.
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


def padded_legacy_shape(*sizes):
    """The four axes that old Caffe gave every blob."""
    return legacy_shape(*(1,) * (4 - len(sizes)), *sizes)


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
    layers, named, typed, blobbed, kinds = LAYOUT[layout]
    content = field(named, name) + (field(typed, kinds[kind]) if kind else b"")
    return field(layers, content + b"".join(field(blobbed, blob) for blob in blobs))
