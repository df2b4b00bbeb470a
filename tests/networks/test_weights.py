import io
import pickle
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from caffe_files import NEW, layer, packed, packed_shape

from visae._support.errors import VisaeError
from visae.networks import find_weights, network_card, weights_digest
from visae.networks._weights import check_weights, read_weights

TENSORS = {
    "a.weight": torch.arange(24.0).reshape(2, 3, 4) / 7,
    "a.bias": torch.tensor([1.5, -2.0]),
    "scale": torch.tensor(0.25),
    "steps": torch.tensor([7], dtype=torch.int64),
}


def npz(path, tensors):
    np.savez(path, **{name: tensor.numpy() for name, tensor in tensors.items()})


def legacy_format(path, tensors):
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
    ("a.pth", legacy_format),
    ("a.pth", as_a_state_dict),
    ("a.pth", as_parameters),
]


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_every_format_gives_the_same_tensors(tmp_path, name, write):
    write(tmp_path / name, TENSORS)
    tensors = read_weights(tmp_path / name)
    assert tensors.keys() == TENSORS.keys()
    for key, tensor in TENSORS.items():
        assert tensors[key].dtype == tensor.dtype
        assert not tensors[key].requires_grad
        torch.testing.assert_close(tensors[key], tensor, rtol=0, atol=0)


def test_caffemodels_are_read(tmp_path):
    content = layer(NEW, "a", "fc", packed_shape(2) + packed([1, -2]))
    (tmp_path / "a.caffemodel").write_bytes(content)
    ((name, tensor),) = read_weights(tmp_path / "a.caffemodel").items()
    assert name == "a.weight"
    torch.testing.assert_close(tensor, torch.tensor([1.0, -2.0]), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(("name", "write"), WRITERS[1:4])
def test_other_floats_become_float32(tmp_path, dtype, name, write):
    write(tmp_path / name, {"x": torch.tensor([0.5, -3.0], dtype=dtype)})
    tensor = read_weights(tmp_path / name)["x"]
    assert tensor.dtype == torch.float32
    assert tensor.tolist() == [0.5, -3.0]


@pytest.mark.parametrize("dtype", ["<f2", "<f8", ">f4"])
def test_other_numpy_floats_become_float32(tmp_path, dtype):
    np.savez(tmp_path / "a.npz", x=np.array([[0.5, -3.0]], dtype=dtype))
    tensor = read_weights(tmp_path / "a.npz")["x"]
    assert tensor.dtype == torch.float32
    assert tensor.tolist() == [[0.5, -3.0]]


def test_tensors_are_contiguous(tmp_path):
    torch.save({"x": torch.arange(6.0).reshape(2, 3).T}, tmp_path / "a.pth")
    np.savez(tmp_path / "a.npz", x=np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    assert read_weights(tmp_path / "a.pth")["x"].is_contiguous()
    assert read_weights(tmp_path / "a.npz")["x"].is_contiguous()


class Spy:
    """Unpickling it would raise a warning, which fails the test."""

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


def array_claiming(shape):
    """An .npy file whose header claims `shape` and whose body is one number."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(4)


def torch_saved(content):
    return saved(lambda file, value: torch.save(value, file), content)


def npz_saved(**arrays):
    return saved(lambda file, _: np.savez(file, **arrays), None)


MANY = {f"n{i}": "text" for i in range(9)}
BROKEN = [
    ("a.npz", b"", "damaged or not an .npz"),
    ("a.npz", b"PK\x03\x04 and no more", "damaged or not an .npz"),
    ("a.npz", saved(np.save, np.zeros(3)), "damaged or not an .npz"),
    ("a.npz", zipped(a=array_claiming("(10,)")), "damaged or not an .npz"),
    ("a.npz", zipped(a=array_claiming("(10000000000000,)")), "damaged or not an .npz"),
    ("a.npz", zipped(a=array_claiming("(-1,)")), "damaged or not an .npz"),
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
    ("a.pth", torch_saved({"a": torch.zeros(3).to_sparse()}), r"more than plain tensors|of plain tensors"),
    ("a.pth", torch_saved({"a": torch.zeros(3, device="meta")}), r"more than plain tensors \('a'\)"),
    ("a.caffemodel", b"text", "not a complete caffemodel"),
    ("a.pkl", b"", "suffix '.pkl', expected one of .npz, .safetensors, .pth, .pt, .caffemodel"),
    ("a", b"", "suffix '', expected"),
]


@pytest.mark.parametrize(("name", "content", "message"), BROKEN)
def test_unreadable_files_are_refused_in_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VisaeError, match=message) as caught:
        read_weights(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".pth", ".caffemodel"])
def test_missing_files_and_folders_are_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with pytest.raises(VisaeError, match="does not exist"):
        read_weights(path)
    path.mkdir()
    with pytest.raises(VisaeError, match="is a folder"):
        read_weights(path)


@pytest.mark.parametrize(("name", "write"), WRITERS[:5])
def test_truncated_files_are_refused(tmp_path, name, write):
    path = tmp_path / name
    write(path, TENSORS)
    whole = path.read_bytes()
    for size in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:size])
        with pytest.raises(VisaeError, match="damaged"):
            read_weights(path)


SHAPES = {"a.weight": (2, 3), "a.bias": torch.Size([2]), "scale": ()}


def good():
    return {"scale": torch.tensor(1.0), "a.bias": torch.zeros(2), "a.weight": torch.ones(2, 3)}


def test_right_tensors_are_returned_in_the_expected_order():
    tensors = good()
    checked = check_weights(tensors, SHAPES, Path("toy.pth"))
    assert list(checked) == list(SHAPES)
    assert all(checked[name] is tensors[name] for name in SHAPES)


FAULTS = [
    ({"a.bias": None}, ["missing a.bias (2)"]),
    ({"b.bias": torch.zeros(4, 5)}, ["unexpected b.bias (4x5)"]),
    ({"a.weight": torch.ones(3, 2)}, ["a.weight is 3x2, expected 2x3"]),
    ({"scale": torch.ones(1)}, ["scale is 1, expected a single number"]),
    ({"a.bias": torch.tensor([0.0, torch.nan])}, ["a.bias has 1 of 2 values that are not finite"]),
    ({"scale": torch.tensor(-torch.inf)}, ["scale has 1 of 1 values that are not finite"]),
    (
        {
            "a.bias": None,
            "scale": None,
            "x": torch.zeros(1),
            "y\n": torch.zeros(2),
            "a.weight": torch.ones(6),
        },
        [
            "missing a.bias (2), scale (a single number)",
            "unexpected x (1), y (2)",
            "a.weight is 6, expected 2x3",
        ],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), FAULTS)
def test_every_fault_is_named_in_one_line(changes, expected):
    tensors = {name: tensor for name, tensor in (good() | changes).items() if tensor is not None}
    with pytest.raises(VisaeError) as caught:
        check_weights(tensors, SHAPES, Path("folder/toy.pth"))
    message = str(caught.value)
    assert message.startswith("folder/toy.pth ")
    assert "\n" not in message
    for part in expected:
        assert part in message


def test_many_faults_are_counted():
    tensors = {f"other{number}": torch.zeros(1) for number in range(60)}
    shapes = {f"own{number}": (2,) for number in range(60)}
    with pytest.raises(VisaeError) as caught:
        check_weights(tensors, shapes, Path("toy.pth"))
    assert "missing own0 (2), own1 (2), own2 (2), own3 (2) and 56 more; unexpected other0 (1), " in str(caught.value)
    assert len(str(caught.value)) < 250
    with pytest.raises(VisaeError, match=r"own0 is 1, expected 2; .* and 56 more; give"):
        check_weights({name: torch.zeros(1) for name in shapes}, shapes, Path("toy.pth"))


def test_only_ignored_prefixes_are_dropped():
    tensors = good() | {"head0.weight": torch.zeros(1)}
    assert list(check_weights(tensors, SHAPES, Path("toy.pth"), ("head0", "head1"))) == list(SHAPES)
    with pytest.raises(VisaeError, match=r"unexpected head0\.weight"):
        check_weights(tensors, SHAPES, Path("toy.pth"), ("head1",))


def test_the_digest_does_not_depend_on_the_format(tmp_path):
    tensors = good()
    torch.save(tensors, tmp_path / "a.pth")
    np.savez(tmp_path / "a.npz", **{name: tensors[name].numpy() for name in sorted(tensors)})
    safetensors.torch.save_file(tensors, tmp_path / "a.safetensors")
    digests = {weights_digest(read_weights(path)) for path in tmp_path.glob("a.*")}
    assert digests == {weights_digest(tensors)}


def test_known_digest():
    # printf '["b", "torch.float32", [1, 2]]\n\0\0\x80\x3f\0\0\0\xc0' | sha256sum
    known = "24eea3388f3b8a747b9fe8b801621e156f2336cc5943e0852d1d7632c7139588"
    assert weights_digest({"b": torch.tensor([[1.0, -2.0]])}) == known


@pytest.mark.parametrize(
    "changed",
    [
        {"a": torch.zeros(2, 3), "c": torch.ones(2)},
        {"a": torch.zeros(3, 2), "b": torch.ones(2)},
        {"a": torch.zeros(2, 3), "b": torch.tensor([1.0, 1.0000001])},
        {"a": torch.zeros(2, 3, dtype=torch.int32), "b": torch.ones(2)},
        {"a": torch.zeros(2, 3, dtype=torch.bfloat16), "b": torch.ones(2)},
        {"a": torch.zeros(2, 3)},
    ],
)
def test_the_digest_changes_with_every_part(changed):
    assert weights_digest(changed) != weights_digest({"a": torch.zeros(2, 3), "b": torch.ones(2)})


def test_published_googlenet_is_found_and_read(data, monkeypatch):
    monkeypatch.setenv("VISAE_WEIGHTS", str(data / "weights"))
    path = find_weights(network_card("inceptionv1-caffe"))
    assert path.name == "inceptionv1_caffe.npz"
    tensors = read_weights(path)
    assert len(tensors) == 116
    assert {name.rpartition(".")[2] for name in tensors} == {"weight", "bias"}
    assert len({name.rpartition(".")[0] for name in tensors}) == 58
    assert tensors["conv1_7x7_s2.weight"].shape == (64, 3, 7, 7)
    check_weights(tensors, {name: tensor.shape for name, tensor in tensors.items()}, path)
