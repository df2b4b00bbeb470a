import numpy as np
import pytest
import torch

from visae.networks import network
from visae.networks._inception import LOGITS

# Golden arrays named after Caffe's blobs, and the step between the rows and columns stored of large ones.
NAMES = {"norm1": "localresponsenorm0", "pool2": "maxpool1"}
STEPS = {"conv2d0": 4, "norm1": 4, "conv2d1": 4, "conv2d2": 4, "mixed3b": 2}


@pytest.fixture(scope="module")
def published(data):
    return network("inceptionv1-caffe", weights=data / "weights" / "inceptionv1_caffe.npz", device="cpu")


@pytest.fixture(scope="module")
def golden(data):
    with np.load(data / "weights" / "inceptionv1_caffe_golden.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def layers(golden):
    """Our layers, by the name of the golden array."""
    maps = [name for name, array in golden.items() if array.ndim == 3 and name != "input"]
    return {name: NAMES.get(name, name) for name in maps}


def compare(arrays, golden):
    """Compare to within 1e-3 of each array's maximum, and logits to within 1e-3."""
    assert arrays.keys() == golden.keys()
    for name, expected in golden.items():
        ours = arrays[name][0]
        if ours.ndim == 3:
            ours = ours[:, :: STEPS.get(name, 1), :: STEPS.get(name, 1)]
        assert ours.shape == expected.shape
        bound = 1e-3 if name == "logits" else 1e-3 * expected.abs().max()
        assert (ours - expected).abs().max() < bound, name


@torch.inference_mode()
def test_the_graph_reproduces_every_array_from_the_preprocessed_input(published, golden):
    wanted = layers(golden)
    values = published.readable.graph.run(golden["input"][None], [*wanted.values(), LOGITS])
    arrays = {name: values[layer] for name, layer in wanted.items()}
    arrays |= {"logits": values[LOGITS], "prob": values[LOGITS].softmax(1)}
    compare(arrays, {name: array for name, array in golden.items() if name != "input"})


@torch.inference_mode()
def test_the_network_reproduces_every_array_from_the_rgb_image(published, golden):
    # 0..1 except for the overshoot of the golden input's own resampling.
    bgr = (golden["input"] + torch.tensor([104.0, 117.0, 123.0]).view(3, 1, 1)) / 255
    images = bgr[[2, 1, 0]][None]
    maps = published.maps(images, list(layers(golden).values()))
    logits = published.logits(images)
    arrays = {name: maps[layer] for name, layer in layers(golden).items()}
    arrays |= {"input": published.readable.preprocess(images), "logits": logits, "prob": logits.softmax(1)}
    compare(arrays, golden)
