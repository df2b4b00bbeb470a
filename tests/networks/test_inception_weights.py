import re

import numpy as np
import pytest
import safetensors.torch
import torch
from test_caffemodel import NEW, V1, layer, legacy_shape, packed, packed_shape

import visae.networks
from visae._support.errors import VisaeError
from visae.networks._inception import CAFFE, LOGITS, TENSORFLOW, InceptionV1

pytestmark = pytest.mark.usefixtures("nowhere_else")

# Names in inception5h.pth, as its origin has them, and their shapes; mixed4a 3x3 and mixed5a 5x5 depart from the paper.
TENSORFLOW_FILE = {
    "conv2d0_pre_relu_conv.weight": (64, 3, 7, 7),
    "conv2d0_pre_relu_conv.bias": (64,),
    "conv2d2_pre_relu_conv.weight": (192, 64, 3, 3),
    "mixed3a_3x3_bottleneck_pre_relu_conv.weight": (96, 192, 1, 1),
    "mixed3b_5x5_pre_relu_conv.weight": (96, 32, 5, 5),
    "mixed4a_3x3_pre_relu_conv.weight": (204, 96, 3, 3),
    "mixed4b_1x1_pre_relu_conv.weight": (160, 508, 1, 1),
    "mixed5a_5x5_bottleneck_pre_relu_conv.weight": (48, 832, 1, 1),
    "mixed5b_pool_reduce_pre_relu_conv.bias": (128,),
    "softmax2_pre_activation_matmul.weight": (1008, 1024),
    "softmax2_pre_activation_matmul.bias": (1008,),
}


def tensors(flavour, seed=0):
    """Random weights under the names of the published file."""
    source = torch.Generator().manual_seed(seed)
    shapes = InceptionV1(flavour).stored_shapes()
    return {name: torch.randn(shape, generator=source) / 30 for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def tensorflow():
    return tensors(TENSORFLOW)


@pytest.fixture(scope="module")
def caffe():
    return tensors(CAFFE)


def test_the_tensorflow_file_has_the_published_names_and_shapes(tensorflow):
    assert len(tensorflow) == 2 * (3 + 9 * 6 + 1)
    assert {name: tuple(tensorflow[name].shape) for name in TENSORFLOW_FILE} == TENSORFLOW_FILE


def test_a_tensorflow_file_is_opened(tmp_path, tensorflow):
    torch.save(tensorflow, tmp_path / "inception5h.pth")
    network = visae.networks.network("inceptionv1", weights=tmp_path, device="cpu")
    module = InceptionV1(TENSORFLOW)
    module.load(tensorflow)
    for name, conv in module.convs.items():
        stored = "softmax2_pre_activation_matmul" if name == LOGITS else f"{name}_pre_relu_conv"
        assert torch.equal(conv.weight, tensorflow[f"{stored}.weight"])
        assert torch.equal(conv.bias, tensorflow[f"{stored}.bias"])
    images = torch.rand(1, 3, 48, 64)
    torch.testing.assert_close(network.logits(images), module.logits(images), rtol=0, atol=0)
    assert network.name == "inceptionv1"


def caffe_name(stored):
    """Caffe's own name of a layer, such as `inception_3a/1x1` and `conv1/7x7_s2`."""
    return re.sub(r"^(inception_\d.|[^_]+)_", r"\1/", stored)


def write_caffemodel(path, found, layout, shape):
    layers = dict.fromkeys(name.rsplit(".", 1)[0] for name in found)
    content = b"".join(
        layer(
            layout,
            caffe_name(name),
            "fc" if found[f"{name}.weight"].ndim == 2 else "conv",
            *(shape(*blob.shape) + packed(blob.numpy()) for blob in (found[f"{name}.weight"], found[f"{name}.bias"])),
        )
        for name in layers
    )
    path.write_bytes(content)


def old_shape(*sizes):
    return legacy_shape(*(1,) * (4 - len(sizes)), *sizes)


def write_npz(path, found):
    """As in the data folder: the class scores' weights are (in, out)."""
    arrays = {name: tensor.numpy() for name, tensor in found.items()}
    arrays["loss3_classifier.weight"] = arrays["loss3_classifier.weight"].T
    np.savez(path, **arrays)


WRITERS = {
    "a.npz": write_npz,
    "a.safetensors": lambda path, found: safetensors.torch.save_file(found, path),
    "a.pth": lambda path, found: torch.save(found, path),
    "old.caffemodel": lambda path, found: write_caffemodel(path, found, V1, old_shape),
    "new.caffemodel": lambda path, found: write_caffemodel(path, found, NEW, packed_shape),
}


def test_one_network_has_one_digest_in_any_container(tmp_path, caffe):
    # The published file still holds the heads of training.
    spare = {"loss1_fc.weight": torch.ones(4, 6), "loss1_fc.bias": torch.ones(4)}
    digests = set()
    for name, write in WRITERS.items():
        write(tmp_path / name, caffe | spare)
        network = visae.networks.network("inceptionv1-caffe", weights=tmp_path / name, device="cpu")
        torch.testing.assert_close(dict(network.readable._stored()), caffe, rtol=0, atol=0)
        digests.add(network.digest)
    write_npz(tmp_path / "other.npz", tensors(CAFFE, seed=1))
    other = visae.networks.network("inceptionv1-caffe", weights=tmp_path / "other.npz", device="cpu")
    assert len(digests) == 1
    assert other.digest not in digests


def test_all_faults_are_in_one_error(tmp_path, caffe):
    faulty = caffe | {"conv1_7x7_s2.bias": torch.zeros(63), "inception_3a_1x1.weight": torch.zeros(64, 192)}
    faulty |= {"extra.weight": torch.zeros(2, 3), "loss3_classifier.bias": torch.full((1000,), torch.nan)}
    del faulty["conv2_3x3.weight"], faulty["inception_5b_pool_proj.bias"]
    torch.save(faulty, tmp_path / "a.pth")
    with pytest.raises(VisaeError) as caught:
        visae.networks.network("inceptionv1-caffe", weights=tmp_path / "a.pth")
    for said in (
        "missing conv2_3x3.weight (192x64x3x3), inception_5b_pool_proj.bias (128)",
        "surplus extra.weight (2x3)",
        "conv1_7x7_s2.bias is 63, expected 64",
        "inception_3a_1x1.weight is 64x192, expected 64x192x1x1",
        "loss3_classifier.bias has 1000 of 1000 values that are not finite",
        str(tmp_path / "a.pth"),
    ):
        assert said in str(caught.value)


def test_the_other_flavours_file_is_refused(tmp_path, tensorflow):
    torch.save(tensorflow, tmp_path / "a.pth")
    with pytest.raises(VisaeError, match=r"does not hold this network's weights: missing conv1_7x7_s2.weight"):
        visae.networks.network("inceptionv1-caffe", weights=tmp_path / "a.pth")


def test_the_published_weights_have_one_digest_in_both_containers(tmp_path, data):
    path = data / "weights" / "inceptionv1_caffe.npz"
    with np.load(path) as arrays:
        found = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    found["loss3_classifier.weight"] = found["loss3_classifier.weight"].T.contiguous()
    write_caffemodel(tmp_path / "bvlc_googlenet.caffemodel", found, V1, old_shape)
    digests = [
        visae.networks.network("inceptionv1-caffe", weights=place, device="cpu").digest for place in (path, tmp_path)
    ]
    assert digests[0] == digests[1]
