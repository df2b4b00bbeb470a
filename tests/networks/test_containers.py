import io
import pickle
import struct
import warnings
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch

from visae._support.errors import VisaeError
from visae.networks import _containers as containers

TENSORS = {
    "a.weight": torch.arange(24.0).reshape(2, 3, 4) / 7,
    "a.bias": torch.tensor([1.5, -2.0]),
    "scale": torch.tensor(0.25),
    "steps": torch.tensor([7], dtype=torch.int64),
}


def npz(path, tensors):
    np.savez(path, **{name: tensor.numpy() for name, tensor in tensors.items()})


def in_the_format_of_2019(path, tensors):
    torch.save(dict(tensors), path, _use_new_zipfile_serialization=False)


def as_a_state_dict(path, tensors):
    torch.save({"epoch": 3, "state_dict": dict(tensors)}, path)


def as_parameters(path, tensors):
    torch.save({name: torch.nn.Parameter(t) if t.is_floating_point() else t for name, t in tensors.items()}, path)


WRITERS = [
    ("a.npz", npz),
    ("a.safetensors", lambda path, tensors: safetensors.torch.save_file(tensors, path)),
    ("a.pth", lambda path, tensors: torch.save(dict(tensors), path)),
    ("a.pt", lambda path, tensors: torch.save(dict(tensors), path)),
    ("a.pth", in_the_format_of_2019),
    ("a.pth", as_a_state_dict),
    ("a.pth", as_parameters),
]


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_every_format_gives_the_same_tensors(tmp_path, name, write):
    write(tmp_path / name, TENSORS)
    found = containers.read(tmp_path / name)
    assert found.keys() == TENSORS.keys()
    for key, tensor in TENSORS.items():
        assert found[key].dtype == tensor.dtype
        assert not found[key].requires_grad
        torch.testing.assert_close(found[key], tensor, rtol=0, atol=0)


def test_a_caffemodel(tmp_path):
    # A network with one layer of new Caffe: "a", with one blob of shape [2] and the values 1 and -2.
    blob = b"\x3a\x03\x0a\x01\x02" + b"\x2a\x08" + struct.pack("<2f", 1, -2)
    layer = b"\x0a\x01a" + b"\x3a" + bytes([len(blob)]) + blob
    (tmp_path / "a.caffemodel").write_bytes(b"\xa2\x06" + bytes([len(layer)]) + layer)
    (found,) = containers.read(tmp_path / "a.caffemodel").items()
    assert found[0] == "a.weight"
    torch.testing.assert_close(found[1], torch.tensor([1.0, -2.0]), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(("name", "write"), WRITERS[1:4])
def test_other_floats_become_float32(tmp_path, dtype, name, write):
    write(tmp_path / name, {"x": torch.tensor([0.5, -3.0], dtype=dtype)})
    found = containers.read(tmp_path / name)["x"]
    assert found.dtype == torch.float32
    assert found.tolist() == [0.5, -3.0]


@pytest.mark.parametrize("dtype", ["<f2", "<f8", ">f4"])
def test_other_floats_of_numpy_become_float32(tmp_path, dtype):
    np.savez(tmp_path / "a.npz", x=np.array([[0.5, -3.0]], dtype=dtype))
    found = containers.read(tmp_path / "a.npz")["x"]
    assert found.dtype == torch.float32
    assert found.tolist() == [[0.5, -3.0]]


def test_tensors_are_contiguous(tmp_path):
    torch.save({"x": torch.arange(6.0).reshape(2, 3).T}, tmp_path / "a.pth")
    np.savez(tmp_path / "a.npz", x=np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    assert containers.read(tmp_path / "a.pth")["x"].is_contiguous()
    assert containers.read(tmp_path / "a.npz")["x"].is_contiguous()


class Spy:
    """Unpickled, it would raise a warning, which fails the test."""

    def __reduce__(self):
        return warnings.warn, ("pickled code was run",)


def saved(writer, content):
    buffer = io.BytesIO()
    writer(buffer, content)
    return buffer.getvalue()


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def array_of(shape):
    """An .npy file whose header promises `shape` and whose body is one number."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(4)


def torch_saved(content):
    return saved(lambda file, what: torch.save(what, file), content)


def npz_saved(**arrays):
    return saved(lambda file, _: np.savez(file, **arrays), None)


MANY = {f"n{i}": "text" for i in range(9)}
BROKEN = [
    ("a.npz", b"", "damaged or not an .npz"),
    ("a.npz", b"PK\x03\x04 and no more", "damaged or not an .npz"),
    ("a.npz", saved(np.save, np.zeros(3)), "damaged or not an .npz"),
    ("a.npz", zipped(a=array_of("(10,)")), "damaged or not an .npz"),
    ("a.npz", zipped(a=array_of("(10000000000000,)")), "damaged or not an .npz"),
    ("a.npz", zipped(a=array_of("(-1,)")), "damaged or not an .npz"),
    ("a.npz", pickle.dumps(Spy()), "pickled objects"),
    ("a.npz", npz_saved(a=np.array([Spy()], dtype=object)), "pickled objects"),
    ("a.npz", npz_saved(a=np.array(["text"])), r"more than plain tensors \('a'\)"),
    ("a.npz", npz_saved(a=np.zeros(2, "f4,i4")), r"more than plain tensors \('a'\)"),
    ("a.safetensors", b"", "damaged or not a safetensors"),
    ("a.safetensors", b"\xff" * 64, "damaged or not a safetensors"),
    ("a.safetensors", safetensors.torch.save({"a": torch.zeros(9)})[:-1], "damaged or not a safetensors"),
    ("a.pth", b"", "damaged or not a PyTorch file"),
    ("a.pth", b"text", "damaged or not a PyTorch file"),
    ("a.pt", torch_saved({"a": torch.zeros(9)})[:-30], "damaged or not a PyTorch file"),
    ("a.pth", torch_saved({"a": Spy()}), "without pickled code"),
    ("a.pth", torch_saved(torch.zeros(3)), "holds a Tensor, expected a dict"),
    ("a.pth", torch_saved([torch.zeros(3)]), "holds a list, expected a dict"),
    ("a.pth", torch_saved({"a": torch.zeros(3), "epoch": 3}), r"more than plain tensors \('epoch'\)"),
    ("a.pth", torch_saved(MANY), "'n3' and 5 more"),
    ("a.pth", torch_saved({"a": torch.zeros(3).to_sparse()}), r"more than plain tensors|of tensors alone"),
    ("a.pth", torch_saved({"a": torch.zeros(3, device="meta")}), r"more than plain tensors \('a'\)"),
    ("a.caffemodel", b"text", "not a whole caffemodel"),
    ("a.pkl", b"", "suffix '.pkl', expected one of .npz, .safetensors, .pth, .pt, .caffemodel"),
    ("a", b"", "suffix '', expected"),
]


@pytest.mark.parametrize(("name", "content", "said"), BROKEN)
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VisaeError, match=said) as caught:
        containers.read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".pth", ".caffemodel"])
def test_a_missing_file_and_a_folder(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with pytest.raises(VisaeError, match="not there"):
        containers.read(path)
    path.mkdir()
    with pytest.raises(VisaeError, match="is a folder"):
        containers.read(path)


@pytest.mark.parametrize(("name", "write"), WRITERS[:5])
def test_a_file_cut_short_is_refused(tmp_path, name, write):
    path = tmp_path / name
    write(path, TENSORS)
    whole = path.read_bytes()
    for size in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:size])
        with pytest.raises(VisaeError, match="damaged"):
            containers.read(path)
