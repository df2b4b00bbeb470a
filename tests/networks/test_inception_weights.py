import re

import numpy as np
import pytest
import safetensors.torch
import torch
from caffe_files import NEW, V1, layer, packed, packed_shape, padded_legacy_shape

from visae._support.errors import VisaeError
from visae.networks import CAFFE, TENSORFLOW, InceptionV1, network
from visae.networks._inception import LOGITS

pytestmark = pytest.mark.usefixtures("empty_cache")

# Names and shapes of tensors in the published inception5h.pth; mixed4a 3x3 and mixed5a 5x5 depart from the paper.
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


def test_a_tensorflow_file_is_loaded(tmp_path, tensorflow):
    torch.save(tensorflow, tmp_path / "inception5h.pth")
    opened = network("inceptionv1", weights=tmp_path, device="cpu")
    module = InceptionV1(TENSORFLOW)
    module.load(tensorflow)
    for name, conv in module.convs.items():
        stored = "softmax2_pre_activation_matmul" if name == LOGITS else f"{name}_pre_relu_conv"
        assert torch.equal(conv.weight, tensorflow[f"{stored}.weight"])
        assert torch.equal(conv.bias, tensorflow[f"{stored}.bias"])
    images = torch.rand(1, 3, 48, 64)
    torch.testing.assert_close(opened.logits(images), module.logits(images), rtol=0, atol=0)
    assert opened.name == "inceptionv1"


def caffe_name(stored):
    """Caffe's own name for a layer, such as `inception_3a/1x1` and `conv1/7x7_s2`."""
    return re.sub(r"^(inception_\d.|[^_]+)_", r"\1/", stored)


def write_caffemodel(path, weights, layout, shape):
    content = b""
    for name in dict.fromkeys(name.rsplit(".", 1)[0] for name in weights):
        tensors = weights[f"{name}.weight"], weights[f"{name}.bias"]
        kind = "fc" if tensors[0].ndim == 2 else "conv"
        blobs = [shape(*tensor.shape) + packed(tensor.numpy()) for tensor in tensors]
        content += layer(layout, caffe_name(name), kind, *blobs)
    path.write_bytes(content)


def write_npz(path, weights):
    """Write the classifier's weight as (in, out), as the test data have it."""
    arrays = {name: tensor.numpy() for name, tensor in weights.items()}
    arrays["loss3_classifier.weight"] = arrays["loss3_classifier.weight"].T
    np.savez(path, **arrays)


WRITERS = {
    "a.npz": write_npz,
    "a.safetensors": lambda path, weights: safetensors.torch.save_file(weights, path),
    "a.pth": lambda path, weights: torch.save(weights, path),
    "old.caffemodel": lambda path, weights: write_caffemodel(path, weights, V1, padded_legacy_shape),
    "new.caffemodel": lambda path, weights: write_caffemodel(path, weights, NEW, packed_shape),
}


@pytest.mark.slow
def test_the_digest_does_not_depend_on_the_file_format(tmp_path, caffe):
    # The published file still holds the auxiliary heads.
    auxiliary = {"loss1_fc.weight": torch.ones(4, 6), "loss1_fc.bias": torch.ones(4)}
    digests = set()
    for name, write in WRITERS.items():
        write(tmp_path / name, caffe | auxiliary)
        opened = network("inceptionv1-caffe", weights=tmp_path / name, device="cpu")
        torch.testing.assert_close(dict(opened.readable._stored()), caffe, rtol=0, atol=0)
        digests.add(opened.digest)
    write_npz(tmp_path / "other.npz", tensors(CAFFE, seed=1))
    different = network("inceptionv1-caffe", weights=tmp_path / "other.npz", device="cpu")
    assert len(digests) == 1
    assert different.digest not in digests


def test_all_faults_are_in_one_error(tmp_path, caffe):
    faulty = caffe | {"conv1_7x7_s2.bias": torch.zeros(63), "inception_3a_1x1.weight": torch.zeros(64, 192)}
    faulty |= {"extra.weight": torch.zeros(2, 3), "loss3_classifier.bias": torch.full((1000,), torch.nan)}
    del faulty["conv2_3x3.weight"], faulty["inception_5b_pool_proj.bias"]
    torch.save(faulty, tmp_path / "a.pth")
    with pytest.raises(VisaeError) as caught:
        network("inceptionv1-caffe", weights=tmp_path / "a.pth")
    for part in (
        "missing conv2_3x3.weight (192x64x3x3), inception_5b_pool_proj.bias (128)",
        "unexpected extra.weight (2x3)",
        "conv1_7x7_s2.bias is 63, expected 64",
        "inception_3a_1x1.weight is 64x192, expected 64x192x1x1",
        "loss3_classifier.bias has 1000 of 1000 values that are not finite",
        str(tmp_path / "a.pth"),
    ):
        assert part in str(caught.value)


def test_weights_of_the_other_flavour_are_refused(tmp_path, tensorflow):
    torch.save(tensorflow, tmp_path / "a.pth")
    with pytest.raises(VisaeError) as caught:
        network("inceptionv1-caffe", weights=tmp_path / "a.pth")
    assert str(caught.value) == (
        f"{tmp_path / 'a.pth'} holds the weights of inceptionv1, expected those of inceptionv1-caffe "
        "(bvlc_googlenet.caffemodel or inceptionv1_caffe.npz); name the network inceptionv1, or download the other "
        "weights: visae fetch inceptionv1-caffe"
    )


def test_weights_of_neither_flavour_are_refused_in_a_short_line(tmp_path):
    torch.save({f"a{number}": torch.zeros(1) for number in range(100)}, tmp_path / "a.pth")
    with pytest.raises(
        VisaeError, match=r"missing conv1_7x7_s2\.weight .* and 112 more; unexpected a0 \(1\)"
    ) as caught:
        network("inceptionv1-caffe", weights=tmp_path / "a.pth")
    assert len(str(caught.value)) < 500


def test_published_weights_have_one_digest_in_both_formats(tmp_path, data):
    path = data / "weights" / "inceptionv1_caffe.npz"
    with np.load(path) as arrays:
        weights = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    weights["loss3_classifier.weight"] = weights["loss3_classifier.weight"].T.contiguous()
    write_caffemodel(tmp_path / "bvlc_googlenet.caffemodel", weights, V1, padded_legacy_shape)
    digests = [network("inceptionv1-caffe", weights=source, device="cpu").digest for source in (path, tmp_path)]
    assert digests[0] == digests[1]
