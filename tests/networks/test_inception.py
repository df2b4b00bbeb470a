import formulas
import numpy as np
import pytest
import torch

from visae.networks import CAFFE, TENSORFLOW, InceptionV1
from visae.networks._hooks import receptive_range
from visae.networks._inception import LOGITS

FLAVOURS = {"tensorflow": TENSORFLOW, "caffe": CAFFE}
BRANCHES = ("1x1", "3x3", "5x5", "pool_reduce")
# The first channel of each branch, and the end, as published in the Circuits thread.
RANGES = {"mixed3a": (0, 64, 192, 224, 256), "mixed3b": (0, 128, 320, 416, 480), "mixed4a": (0, 192, 396, 444, 508)}


@pytest.fixture(scope="module", params=FLAVOURS.values(), ids=FLAVOURS)
def module(request):
    """Random weights, three times the default size, so that values stay large enough for the norms to matter."""
    torch.manual_seed(0)
    network = InceptionV1(request.param)
    for conv in network.convs.values():
        conv.weight.data *= 3
    return network


def images(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def maps(module):
    """All layers' maps of two images."""
    with torch.inference_mode():
        return module.read(images(2, 3, 64, 64), module.layers)


# Each flavour's operations, by its number of classes.
FORMULAS = {
    TENSORFLOW.classes: (formulas.same_conv, formulas.same_max_pool, formulas.tensorflow_lrn),
    CAFFE.classes: (formulas.caffe_conv, formulas.caffe_max_pool, formulas.caffe_lrn),
}


def forward(module, x):
    """The first layers in float64, from the formulas."""
    conv, pool, lrn = FORMULAS[module.flavour.classes]
    values = {}

    def convolved(name, source, stride=1):
        weight, bias = (parameter.double().numpy() for parameter in module.convs[name].parameters())
        values[name] = np.maximum(conv(source, weight, bias, stride), 0)
        return values[name]

    values["maxpool0"] = pool(convolved("conv2d0", x, stride=2), 2)
    values["localresponsenorm0"] = lrn(values["maxpool0"])
    values["localresponsenorm1"] = lrn(convolved("conv2d2", convolved("conv2d1", values["localresponsenorm0"])))
    values["maxpool1"] = pool(values["localresponsenorm1"], 2)
    convolved("mixed3a_5x5", convolved("mixed3a_5x5_bottleneck", values["maxpool1"]))
    convolved("mixed3a_pool_reduce", pool(values["maxpool1"], 1))
    return values


@pytest.mark.parametrize("size", [(37, 37), (38, 38), (37, 40), (40, 39)])
@torch.inference_mode()
def test_the_first_layers_equal_the_formulas_at_odd_and_even_sizes(module, size):
    image = images(1, 3, *size)
    expected = forward(module, module.preprocess(image)[0].double().numpy())
    result = module.read(image, expected)
    for name, value in expected.items():
        assert result[name].shape[1:] == value.shape, name
        assert np.abs(result[name][0].numpy() - value).max() < 1e-5 * value.max(), name
    # The norms reduce values by a fifth and more, so that their constants matter.
    assert expected["localresponsenorm0"].max() < 0.8 * expected["maxpool0"].max() / module.flavour.lrn["k"] ** 0.5


def test_preprocessing():
    rgb = torch.tensor([0.2, 0.4, 1.0]).view(1, 3, 1, 1)
    prepared = {name: InceptionV1(flavour).preprocess(rgb).flatten() for name, flavour in FLAVOURS.items()}
    torch.testing.assert_close(prepared["tensorflow"], torch.tensor([51.0 - 117, 102.0 - 117, 255.0 - 117]))
    torch.testing.assert_close(prepared["caffe"], torch.tensor([255.0 - 104, 102.0 - 117, 51.0 - 123]))


def test_every_layer_has_the_shape_that_it_claims(module, maps):
    assert list(maps) == list(module.layers)
    for name, layer in module.layers.items():
        assert layer.name == name
        side = 64 // layer.stride
        assert maps[name].shape == (2, layer.channels, side, side), name


def test_every_branch_can_be_read_before_and_after_its_relu(maps):
    inner = [*BRANCHES, "3x3_bottleneck", "5x5_bottleneck"]
    blocks = {f"mixed{block}" for block in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")}
    convs = {"conv2d0", "conv2d1", "conv2d2", *blocks, *(f"{block}_{part}" for block in blocks for part in inner)}
    assert {name for name in maps if f"{name}_pre_relu" in maps} == convs
    for name in convs:
        before = maps[f"{name}_pre_relu"]
        assert before.min() < 0, name
        assert torch.equal(maps[name], before.relu()), name


def test_mixed_layers_concatenate_their_branches_in_tensorflows_order(module, maps):
    for block in module.flavour.mixed:
        for suffix in ("", "_pre_relu"):
            branches = [maps[f"{block}_{branch}{suffix}"] for branch in BRANCHES]
            assert torch.equal(maps[block + suffix], torch.cat(branches, 1))


@pytest.mark.parametrize(("block", "ends"), RANGES.items())
def test_branches_have_the_published_channels(block, ends):
    layers = InceptionV1(TENSORFLOW).layers
    widths = [layers[f"{block}_{branch}"].channels for branch in BRANCHES]
    assert tuple(np.cumsum([0, *widths])) == ends


# Output channels in table 1 of the paper.
WIDTHS = {"mixed3a": 256, "mixed3b": 480, "mixed4a": 512, "mixed4b": 512, "mixed4c": 512, "mixed4d": 528}
WIDTHS |= {"mixed4e": 832, "mixed5a": 832, "mixed5b": 1024}


@pytest.mark.parametrize(("flavour", "departures"), [(CAFFE, {}), (TENSORFLOW, {"mixed4a": 508})])
def test_mixed_layers_have_the_published_widths(flavour, departures):
    layers = InceptionV1(flavour).layers
    assert {block: layers[block].channels for block in WIDTHS} == WIDTHS | departures


PROBED = ["conv2d0_pre_relu", "maxpool0", "conv2d2", "localresponsenorm1", "maxpool1", "mixed3a_5x5", "mixed3a_1x1"]
PROBED += ["mixed3b", "mixed3b_3x3", "mixed3b_pool_reduce", "maxpool4", "mixed4a", "mixed4b_1x1"]


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBED)
def test_claimed_receptive_fields_are_those_measured(module, name):
    layer = module.layers[name]
    size = 32 * (layer.receptive_field // 32 + 4)
    for position in (middle := size // 2 // layer.stride, middle + 1):
        measured = receptive_range(lambda images: module.read(images[:, :, :32], [name])[name], position, size)
        half = (layer.receptive_field - 1) / 2
        assert measured == (layer.centre(position) - half, layer.centre(position) + half)


@torch.inference_mode()
def test_logits_are_the_scores_of_the_mean_over_positions(module, maps):
    dense = module.convs[LOGITS]
    expected = maps["mixed5b"].mean((2, 3)) @ dense.weight.T + dense.bias
    logits = module.logits(images(2, 3, 64, 64))
    assert logits.shape == (2, module.flavour.classes)
    torch.testing.assert_close(logits, expected)


def test_gradients_flow_to_the_images_only(module):
    image = images(1, 3, 48, 48).requires_grad_()
    module.read(image, ["mixed3a"])["mixed3a"].sum().backward()
    assert image.grad.count_nonzero() > 0.9 * image.numel()
    assert not any(parameter.requires_grad for parameter in module.parameters())
