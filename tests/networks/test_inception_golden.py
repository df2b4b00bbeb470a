import numpy as np
import pytest
import torch

import visae.networks
from visae.networks._inception import LOGITS

# Golden arrays that are named after Caffe's blobs, and those of which every n-th row and column is kept.
NAMES = {"norm1": "localresponsenorm0", "pool2": "maxpool1"}
STEPS = {"conv2d0": 4, "norm1": 4, "conv2d1": 4, "conv2d2": 4, "mixed3b": 2}


@pytest.fixture(scope="module")
def published(data):
    return visae.networks.network("inceptionv1-caffe", weights=data / "weights" / "inceptionv1_caffe.npz", device="cpu")


@pytest.fixture(scope="module")
def golden(data):
    with np.load(data / "weights" / "inceptionv1_caffe_golden.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def layers(golden):
    """Golden array: our layer."""
    maps = [name for name, array in golden.items() if array.ndim == 3 and name != "input"]
    return {name: NAMES.get(name, name) for name in maps}


def compare(found, golden):
    """To within 1e-3 of each array's maximum, and the logits to within 1e-3."""
    assert found.keys() == golden.keys()
    for name, expected in golden.items():
        ours = found[name][0]
        if ours.ndim == 3:
            ours = ours[:, :: STEPS.get(name, 1), :: STEPS.get(name, 1)]
        assert ours.shape == expected.shape
        bound = 1e-3 if name == "logits" else 1e-3 * expected.abs().max()
        assert (ours - expected).abs().max() < bound, name


@torch.inference_mode()
def test_the_graph_reproduces_every_array_from_the_preprocessed_input(published, golden):
    wanted = layers(golden)
    values = published.readable.graph.run(golden["input"][None], [*wanted.values(), LOGITS])
    found = {name: values[layer] for name, layer in wanted.items()}
    found |= {"logits": values[LOGITS], "prob": values[LOGITS].softmax(1)}
    compare(found, {name: array for name, array in golden.items() if name != "input"})


@torch.inference_mode()
def test_the_network_reproduces_every_array_from_the_rgb_image(published, golden):
    # 0..1 but for the overshoot of the golden input's own resampling.
    bgr = (golden["input"] + torch.tensor([104.0, 117.0, 123.0]).view(3, 1, 1)) / 255
    images = bgr[[2, 1, 0]][None]
    values = published.maps(images, list(layers(golden).values()))
    logits = published.logits(images)
    found = {name: values[layer] for name, layer in layers(golden).items()}
    found |= {"input": published.readable.preprocess(images), "logits": logits, "prob": logits.softmax(1)}
    compare(found, golden)
