import itertools

import pytest
import torch
from torch import nn

from visae._support.errors import VisaeError
from visae.networks._hooks import HookedModule, receptive_range


class Pair(nn.Module):
    def forward(self, x):
        return x, x + 1


class Residual(nn.Module):
    """One ReLU used twice and in place, an addition in place, and submodules that give no maps."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4))
        self.body = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.pair = Pair()
        self.never = nn.Conv2d(4, 4, 1)
        self.classify = nn.Linear(4, 5)

    def forward(self, x):
        x = self.relu(self.stem(x))
        y = self.body(x)
        y += x
        y = self.relu(y)
        y, _ = self.pair(y)
        return self.classify(y.mean((2, 3)))


def outputs(module, x):
    """The output of each submodule, with nothing in place."""
    conv = module.stem[0](x)
    stem = module.stem[1](conv)
    body = module.body(stem.relu())
    return {"stem.0": conv, "stem.1": stem, "stem": stem, "body": body, "relu": (body + stem.relu()).relu()}


@pytest.fixture
def module():
    torch.manual_seed(0)
    residual = Residual()
    residual.stem[1].running_mean.normal_()
    residual.stem[1].running_var.uniform_(0.5, 2)
    return residual.eval()


def identity(images):
    return images


def hooked(module, names=None, preprocess=identity, size=16):
    return HookedModule(module, preprocess, size, names)


def counting(module):
    """A list to which each submodule appends its name when called from now on."""
    called = []
    for name, part in module.named_modules():
        inner = part.forward
        part.forward = lambda *values, name=name, inner=inner: (called.append(name), inner(*values))[1]
    return called


def hooks(module):
    return [hook for part in module.modules() for hook in part._forward_hooks]


WANTED = [
    ["stem.0"],
    ["relu"],
    ["body", "stem"],
    ["relu", "stem.0", "body"],
    ["stem.0", "stem.1", "stem", "body", "relu"],
    ["relu", "relu"],
    ["body", "relu", "body"],
]


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("names", [None, ["relu", "body", "stem", "stem.1", "stem.0"]])
@torch.no_grad()
def test_outputs_are_those_of_the_last_call_and_not_overwritten(module, wanted, names):
    images = torch.rand(2, 3, 14, 18)
    expected = outputs(module, images)
    maps = hooked(module, names).read(images, wanted)
    assert list(maps) == list(dict.fromkeys(wanted))
    for name, value in maps.items():
        torch.testing.assert_close(value, expected[name])


# The modules that run until the last output is read.
RUN = [
    (["stem.0"], ["", "stem", "stem.0"]),
    (["stem.1"], ["", "stem", "stem.0", "stem.1"]),
    (["body", "stem.0"], ["", "stem", "stem.0", "stem.1", "relu", "body"]),
    (["relu"], ["", "stem", "stem.0", "stem.1", "relu", "body", "relu"]),
]


@pytest.mark.parametrize(("wanted", "expected"), RUN)
def test_the_forward_pass_stops_after_the_last_output(module, wanted, expected):
    network = hooked(module)
    called = counting(module)
    network.read(torch.rand(1, 3, 16, 16), wanted)
    assert called == expected


def test_layers_are_the_submodules_with_maps_in_the_order_of_the_forward_pass(module):
    assert list(hooked(module).layers) == ["stem.0", "stem.1", "stem", "relu", "body"]
    assert list(hooked(module, ["body", "stem"]).layers) == ["stem", "body"]


def test_names_are_known_after_one_pass_and_geometry_is_measured_on_access(module):
    called = counting(module)
    layers = hooked(module).layers
    assert "body" in layers
    assert "classify" not in layers
    assert len(layers) == 5
    assert called.count("") == 1
    assert layers["body"] is layers["body"]
    assert called.count("") > 1


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["bodi"], "no submodule named 'bodi'; the nearest are body"),
        (["stem", "stem.3"], r"no submodule named 'stem\.3'; the nearest are stem\.\d, stem"),
        (["classify"], "'classify' does not output maps"),
        (["pair"], "'pair' does not output maps"),
        (["never"], "'never' does not output maps"),
    ],
)
def test_unreadable_layers_are_errors(module, names, message):
    with pytest.raises(VisaeError, match=message):
        hooked(module, names)
    assert not hooks(module)


def test_a_module_that_fails_on_the_probing_image_is_an_error(module):
    with pytest.raises(VisaeError, match=r"fails on an RGB image of 16x16 px .*pass the size and the preprocess"):
        hooked(nn.Sequential(module, nn.Linear(7, 2)))


class FailsAtHeight13(nn.Module):
    def forward(self, x):
        if x.shape[2] == 13:
            raise ArithmeticError("13")
        return x


def test_no_hook_is_left_behind(module):
    whole = nn.Sequential(module.stem, FailsAtHeight13(), module.body)
    network = hooked(whole)
    counts = []
    whole[1].register_forward_pre_hook(lambda *_: counts.append(len(hooks(whole))))
    network.read(torch.rand(1, 3, 16, 16), ["0", "2"])
    network.read(torch.rand(1, 3, 16, 16), ["0"])
    with pytest.raises(ArithmeticError, match="13"):
        network.read(torch.rand(1, 3, 26, 16), ["0.0", "2"])
    # They were registered while the pass ran; the second pass stopped before it came to the pre-hook.
    assert counts == [2, 2]
    assert not hooks(whole)


def test_preprocess_comes_first(module):
    images = torch.rand(1, 3, 16, 16)
    network = hooked(module, preprocess=lambda x: 3 * x - 1)
    torch.testing.assert_close(network.read(images, ["body"])["body"], outputs(module, 3 * images - 1)["body"])
    torch.testing.assert_close(network.logits(images), module(3 * images - 1))


@pytest.mark.parametrize("wanted", [["stem"], ["relu"], ["stem", "body", "relu"]])
def test_gradients_flow_to_the_images(module, wanted):
    def gradient(read):
        images = torch.full((1, 3, 8, 8), 0.3, requires_grad=True)
        values = read(images)
        sum(values[name].square().sum() for name in wanted).backward()
        return images.grad

    ours = gradient(lambda images: hooked(module).read(images, wanted))
    assert ours.count_nonzero() > 0
    torch.testing.assert_close(ours, gradient(lambda images: outputs(module, images)))


class OneSize(nn.Module):
    def forward(self, x):
        assert x.shape[2:] == (16, 16)
        return x


def conv(width, kernel, stride=1, padding=0, dilation=1):
    return nn.Conv2d(width, 3, kernel, stride, padding, dilation)


DEEP = nn.Sequential(*(conv(3, 5, 2, 2) for _ in range(3)))
VALID = nn.Sequential(conv(3, 5, 2), nn.ReLU(), nn.MaxPool2d(3, 2), conv(3, 3))
WHOLE = nn.Sequential(conv(3, 4, 4), nn.AdaptiveAvgPool2d(1))
FIXED = nn.Sequential(OneSize(), conv(3, 4, 4))
# A module, the size of the probing images, a layer, and its stride, receptive field and offset, computed by hand.
GEOMETRY = [
    (nn.Sequential(conv(3, 3, 1, 1)), 16, "0", (1, 3, 0.0)),
    (nn.Sequential(conv(3, 4, 4)), 16, "0", (4, 4, 1.5)),
    (VALID, 32, "0", (2, 5, 2.0)),
    (VALID, 32, "2", (4, 9, 4.0)),
    (VALID, 32, "3", (4, 17, 8.0)),
    # 29 px, more than the images have.
    (DEEP, 16, "2", (8, 29, 0.0)),
    (WHOLE, 16, "1", (16, 16, 7.5)),
    (FIXED, 16, "1", (4, 4, 1.5)),
]


@pytest.mark.parametrize(("module", "size", "name", "expected"), GEOMETRY)
def test_geometry_is_measured(module, size, name, expected):
    layer = hooked(module, size=size).layers[name]
    assert (layer.stride, layer.receptive_field, layer.offset) == expected
    assert (layer.name, layer.channels) == (name, 3)


def edited(module, x, stem, relu):
    """The module's output, with functions applied to the output of the stem, and to the last output of the ReLU."""
    first = stem(module.stem(x)).relu()
    y = relu((module.body(first) + first).relu())
    return module.classify(y.mean((2, 3)))


def shifted(value):
    return 2 * value - 0.3


@pytest.mark.parametrize("stem", [identity, shifted, torch.zeros_like])
@pytest.mark.parametrize("relu", [identity, shifted, torch.zeros_like])
@torch.no_grad()
def test_logits_follow_from_replaced_outputs(module, stem, relu):
    """The ReLU is called twice, and in place: it is replaced at its last call."""
    images = torch.rand(2, 3, 14, 18)
    logits = hooked(module).logits(images, {"stem": stem, "relu": relu})
    torch.testing.assert_close(logits, edited(module, images, stem, relu))
    assert not hooks(module)


@torch.no_grad()
def test_replacing_functions_receive_the_maps_that_are_read(module):
    images = torch.rand(2, 3, 14, 18)
    received = {}

    def record(name):
        def function(value):
            received[name] = value.clone()
            return value

        return function

    names = ["stem.0", "stem", "body", "relu"]
    network = hooked(module)
    logits = network.logits(images, {name: record(name) for name in names})
    for name, value in network.read(images, names).items():
        torch.testing.assert_close(received[name], value)
    torch.testing.assert_close(logits, module(images))


def test_no_hook_is_left_behind_by_a_function_that_fails(module):
    def fail(_):
        raise ArithmeticError("a replacement")

    with pytest.raises(ArithmeticError, match="a replacement"):
        hooked(module).logits(torch.rand(1, 3, 16, 16), {"body": fail, "stem": identity})
    assert not hooks(module)


class OncePer8Rows(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        for _ in range(x.shape[2] // 8):
            x = self.part(x)
        return x.mean((2, 3))


@pytest.mark.parametrize(("height", "calls"), [(8, 1), (24, 3), (4, 0)])
def test_an_unexpected_number_of_calls_is_an_error(height, calls):
    network = hooked(OncePer8Rows(), size=16)
    network.logits(torch.rand(1, 3, 16, 16), {"part": torch.zeros_like})
    with pytest.raises(VisaeError, match=f"cannot replace 'part': .*called {calls} times .*expected 2"):
        network.logits(torch.rand(1, 3, height, 16), {"part": torch.zeros_like})


WIDTH = 33


# A network, a column of its maps, and the first and last column of the image that this one depends on.
KNOWN = [
    (nn.Identity(), 0, (0, 0)),
    (nn.Identity(), WIDTH - 1, (WIDTH - 1, WIDTH - 1)),
    (conv(3, 3), 10, (10, 12)),
    (conv(3, 5, padding=2), 10, (8, 12)),
    (conv(3, 5, padding=2), 0, (0, 2)),
    (conv(3, 5, padding=2), WIDTH - 1, (WIDTH - 3, WIDTH - 1)),
    (conv(3, 7, stride=2, padding=3), 8, (13, 19)),
    (conv(3, 3, dilation=4), 6, (6, 14)),
    (nn.Sequential(conv(3, 3, stride=2), nn.ReLU(), conv(3, 3, stride=2)), 4, (16, 22)),
    (nn.Sequential(conv(3, 3, padding=1), nn.MaxPool2d(3, 2)), 5, (9, 13)),
    (nn.AvgPool2d(4), 2, (8, 11)),
    (nn.AdaptiveAvgPool2d(1), 0, (0, WIDTH - 1)),
]


@pytest.mark.parametrize(("module", "column", "expected"), KNOWN)
def test_receptive_ranges_of_known_networks(module, column, expected):
    assert receptive_range(module.eval(), column, WIDTH) == expected


@pytest.mark.parametrize(("first", "last"), [*itertools.combinations_with_replacement([0, 1, 15, 16, 30, 31], 2)])
def test_every_receptive_range_is_found(first, last):
    assert receptive_range(lambda images: images[..., first : last + 1].sum(3, keepdim=True), 0, 32) == (first, last)


def test_probing_takes_logarithmic_time_and_restores_cudnn():
    calls = []
    receptive_range(lambda images: calls.append(images) or images, 100, 256)
    assert len(calls) == 16
    assert torch.backends.cudnn.enabled
