import pytest
import torch
from torch import nn

from visae._support.errors import VisaeError
from visae.networks._hooks import Hooked


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


def truth(module, x):
    """What each submodule gives, with nothing in place."""
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


def unchanged(images):
    return images


def hooked(module, names=None, preprocess=unchanged, size=16):
    return Hooked(module, preprocess, size, names)


def counting(module):
    """The names of the submodules in the order in which they are called from now on."""
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
def test_values_are_those_of_the_last_call_and_nothing_overwrites_them(module, wanted, names):
    images = torch.rand(2, 3, 14, 18)
    expected = truth(module, images)
    found = hooked(module, names).read(images, wanted)
    assert list(found) == list(dict.fromkeys(wanted))
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name])


# The modules that run until the last value is there; the first ReLU runs inside none of them.
RUN = [
    (["stem.0"], ["", "stem", "stem.0"]),
    (["stem.1"], ["", "stem", "stem.0", "stem.1"]),
    (["body", "stem.0"], ["", "stem", "stem.0", "stem.1", "relu", "body"]),
    (["relu"], ["", "stem", "stem.0", "stem.1", "relu", "body", "relu"]),
]


@pytest.mark.parametrize(("wanted", "expected"), RUN)
def test_the_forward_pass_stops_after_the_last_one(module, wanted, expected):
    network = hooked(module)
    called = counting(module)
    network.read(torch.rand(1, 3, 16, 16), wanted)
    assert called == expected


def test_layers_are_those_that_give_maps_in_the_order_of_the_forward_pass(module):
    assert list(hooked(module).layers) == ["stem.0", "stem.1", "stem", "relu", "body"]
    assert list(hooked(module, ["body", "stem"]).layers) == ["stem", "body"]


def test_names_are_known_after_one_pass_and_geometry_when_asked_for(module):
    called = counting(module)
    layers = hooked(module).layers
    assert "body" in layers
    assert "classify" not in layers
    assert len(layers) == 5
    assert called.count("") == 1
    assert layers["body"] is layers["body"]
    assert called.count("") > 1


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["bodi"], "no submodule named 'bodi'; the nearest are body"),
        (["stem", "stem.3"], r"no submodule named 'stem.3'; the nearest are stem.\d, stem"),
        (["classify"], "'classify' gives no maps"),
        (["pair"], "'pair' gives no maps"),
        (["never"], "'never' gives no maps"),
    ],
)
def test_a_layer_that_cannot_be_read_is_an_error(module, names, said):
    with pytest.raises(VisaeError, match=said):
        hooked(module, names)
    assert not hooks(module)


def test_a_module_that_fails_on_the_probing_image_is_an_error(module):
    with pytest.raises(VisaeError, match=r"fails on an RGB image of 16x16 px .*give the size and the preprocess"):
        hooked(nn.Sequential(module, nn.Linear(7, 2)))


class Stumbling(nn.Module):
    def forward(self, x):
        if x.shape[2] == 13:
            raise ArithmeticError("13")
        return x


def test_no_hook_is_left_behind(module):
    whole = nn.Sequential(module.stem, Stumbling(), module.body)
    network = hooked(whole)
    seen = []
    whole[1].register_forward_pre_hook(lambda *_: seen.append(len(hooks(whole))))
    network.read(torch.rand(1, 3, 16, 16), ["0", "2"])
    network.read(torch.rand(1, 3, 16, 16), ["0"])
    with pytest.raises(ArithmeticError, match="13"):
        network.read(torch.rand(1, 3, 26, 16), ["0.0", "2"])
    # They were there while the pass ran; the second pass stopped before it came to the pre-hook.
    assert seen == [2, 2]
    assert not hooks(whole)


def test_preprocess_comes_first(module):
    images = torch.rand(1, 3, 16, 16)
    network = hooked(module, preprocess=lambda x: 3 * x - 1)
    torch.testing.assert_close(network.read(images, ["body"])["body"], truth(module, 3 * images - 1)["body"])
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
    torch.testing.assert_close(ours, gradient(lambda images: truth(module, images)))


class OneSize(nn.Module):
    def forward(self, x):
        assert x.shape[2:] == (16, 16)
        return x


def conv(width, kernel, stride=1, padding=0):
    return nn.Conv2d(width, 3, kernel, stride, padding)


DEEP = nn.Sequential(*(conv(3, 5, 2, 2) for _ in range(3)))
VALID = nn.Sequential(conv(3, 5, 2), nn.ReLU(), nn.MaxPool2d(3, 2), conv(3, 3))
WHOLE = nn.Sequential(conv(3, 4, 4), nn.AdaptiveAvgPool2d(1))
FIXED = nn.Sequential(OneSize(), conv(3, 4, 4))
# A module, the size of the probing images, a layer, and its stride, receptive field and offset, worked out by hand.
GEOMETRY = [
    (nn.Sequential(conv(3, 3, 1, 1)), 16, "0", (1, 3, 0.0)),
    (nn.Sequential(conv(3, 4, 4)), 16, "0", (4, 4, 1.5)),
    (VALID, 32, "0", (2, 5, 2.0)),
    (VALID, 32, "2", (4, 9, 4.0)),
    (VALID, 32, "3", (4, 17, 8.0)),
    # 29 px, which do not fit into the images of 16.
    (DEEP, 16, "2", (8, 29, 0.0)),
    (WHOLE, 16, "1", (16, 16, 7.5)),
    (FIXED, 16, "1", (4, 4, 1.5)),
]


@pytest.mark.parametrize(("module", "size", "name", "expected"), GEOMETRY)
def test_geometry_is_found_out(module, size, name, expected):
    layer = hooked(module, size=size).layers[name]
    assert (layer.stride, layer.receptive_field, layer.offset) == expected
    assert (layer.name, layer.channels) == (name, 3)


def respliced(module, x, stem, relu):
    """The module, with functions in the place of the first values of the stem, and of the last of the ReLU."""
    first = stem(module.stem(x)).relu()
    y = relu((module.body(first) + first).relu())
    return module.classify(y.mean((2, 3)))


def shifted(value):
    return 2 * value - 0.3


@pytest.mark.parametrize("stem", [unchanged, shifted, torch.zeros_like])
@pytest.mark.parametrize("relu", [unchanged, shifted, torch.zeros_like])
@torch.no_grad()
def test_the_module_goes_on_with_what_is_put_in_a_layers_place(module, stem, relu):
    """The ReLU is called twice, and in place: it is replaced at its last call."""
    images = torch.rand(2, 3, 14, 18)
    found = hooked(module).logits(images, {"stem": stem, "relu": relu})
    torch.testing.assert_close(found, respliced(module, images, stem, relu))
    assert not hooks(module)


@torch.no_grad()
def test_functions_see_the_maps_that_are_read(module):
    images = torch.rand(2, 3, 14, 18)
    seen = {}

    def look(name):
        def function(value):
            seen[name] = value.clone()
            return value

        return function

    names = ["stem.0", "stem", "body", "relu"]
    network = hooked(module)
    found = network.logits(images, {name: look(name) for name in names})
    for name, value in network.read(images, names).items():
        torch.testing.assert_close(seen[name], value)
    torch.testing.assert_close(found, module(images))


def test_no_hook_is_left_behind_by_a_function_that_fails(module):
    def fail(_):
        raise ArithmeticError("a replacement")

    with pytest.raises(ArithmeticError, match="a replacement"):
        hooked(module).logits(torch.rand(1, 3, 16, 16), {"body": fail, "stem": unchanged})
    assert not hooks(module)


class AsOftenAsItIsHigh(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        for _ in range(x.shape[2] // 8):
            x = self.part(x)
        return x.mean((2, 3))


@pytest.mark.parametrize(("height", "calls"), [(8, 1), (24, 3), (4, 0)])
def test_another_number_of_calls_than_expected_is_an_error(height, calls):
    network = hooked(AsOftenAsItIsHigh(), size=16)
    network.logits(torch.rand(1, 3, 16, 16), {"part": torch.zeros_like})
    with pytest.raises(VisaeError, match=f"cannot replace 'part': it is called {calls} times here, 2 were expected"):
        network.logits(torch.rand(1, 3, height, 16), {"part": torch.zeros_like})
