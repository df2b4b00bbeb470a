import re

import pytest
import torch
import torchvision
from torch import nn
from torchvision.transforms.functional import normalize

import visae.networks
from visae._support.errors import VisaeError
from visae.networks import _torchvision as classifiers
from visae.networks._torchvision import Preprocess

pytestmark = pytest.mark.usefixtures("nowhere_else")

# Two whose published weights need more than `get_model(name)`: googlenet renormalises images itself.
ARGUMENTS = {"googlenet": {"transform_input": True, "init_weights": False}}


def plain(short):
    """torchvision's own network, with weights that carry an image to the output, and statistics for each layer."""
    torch.manual_seed(0)
    module = torchvision.models.get_model(short, weights=None, **ARGUMENTS.get(short, {})).eval()
    for name, value in module.state_dict().items():
        if value.ndim == 4:
            nn.init.kaiming_normal_(value)
        if name.endswith("running_mean"):
            value.normal_(0, 0.1)
        if name.endswith("running_var"):
            value.uniform_(0.8, 1.2)
    return module


def as_published_in_2017(state):
    """Without counters of batches, and the names of the DenseNets with dots."""
    kept = {name: value for name, value in state.items() if not name.endswith(".num_batches_tracked")}
    return {re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", name): value for name, value in kept.items()}


# mnasnet's own loading asks for metadata that only torch's pickles have.
CASES = [
    ("resnet18", dict),
    ("resnet18", as_published_in_2017),
    ("densenet121", as_published_in_2017),
    ("mnasnet0_5", dict),
    ("googlenet", dict),
    ("squeezenet1_1", dict),
]


@pytest.mark.parametrize(("short", "published"), CASES)
@torch.inference_mode()
def test_the_network_is_torchvisions_with_torchvisions_preprocessing(tmp_path, short, published):
    module = plain(short)
    torch.save(published(module.state_dict()), tmp_path / "weights.pth")
    network = visae.networks.network(f"torchvision:{short}", weights=tmp_path / "weights.pth", device="cpu")
    preset = torchvision.models.get_model_weights(short).DEFAULT.transforms()
    images = torch.rand(2, 3, 64, 64)
    expected = module(normalize(images, preset.mean, preset.std))
    torch.testing.assert_close(network.logits(images), expected)
    assert (expected[0] - expected[1]).abs().max() > 0.01 * expected.abs().max()
    assert network.name == f"torchvision:{short}"


@torch.inference_mode()
def test_layers_of_a_classifier(tmp_path):
    module = plain("resnet18")
    torch.save(module.state_dict(), tmp_path / "weights.pth")
    network = visae.networks.network("torchvision:resnet18", weights=tmp_path / "weights.pth", device="cpu")
    images = torch.rand(1, 3, 64, 64)
    x = module.maxpool(module.relu(module.bn1(module.conv1(Preprocess("resnet18")(images)))))
    found = network.maps(images, ["layer2", "layer1.0.relu", "layer1"])
    torch.testing.assert_close(found["layer1.0.relu"], module.layer1[0](x))
    torch.testing.assert_close(found["layer1"], module.layer1(x))
    torch.testing.assert_close(found["layer2"], module.layer2(module.layer1(x)))
    layer = network.layer("layer2")
    assert (layer.channels, layer.stride, layer.receptive_field, layer.offset) == (128, 8, 99, 0.0)


@pytest.mark.parametrize("short", ["resnet18", "efficientnet_v2_l", "vit_b_16"])
def test_units_are_those_of_the_networks_own_weights(short):
    preset = torchvision.models.get_model_weights(short).DEFAULT.transforms()
    images = torch.rand(2, 3, 5, 6)
    torch.testing.assert_close(Preprocess(short)(images), normalize(images, preset.mean, preset.std))


def test_every_classifier_of_torchvision_has_a_card():
    for short in torchvision.models.list_models(module=torchvision.models):
        entry = classifiers.card(short).preferred()
        assert entry.url == torchvision.models.get_model_weights(short).DEFAULT.url
        assert entry.url.endswith(f"-{entry.digest.value}.pth")
        assert entry.url.endswith(f"/{entry.file}")


def test_an_unknown_classifier_lists_the_nearest():
    with pytest.raises(VisaeError, match="no torchvision network named 'resnet19'; the nearest are resnet1"):
        visae.networks.network("torchvision:resnet19")


def test_missing_weights_are_answered_with_the_command_the_url_and_the_digest():
    with pytest.raises(VisaeError) as caught:
        visae.networks.network("torchvision:resnet18")
    entry = torchvision.models.ResNet18_Weights.DEFAULT
    for said in ("`visae fetch torchvision:resnet18`", entry.url, "SHA-256 beginning with f37072fd"):
        assert said in str(caught.value)


def test_weights_of_another_network_are_refused(tmp_path):
    state = plain("resnet18").state_dict()
    faulty = {name: value for name, value in state.items() if name != "conv1.weight"}
    faulty |= {"fc.bias": torch.zeros(7), "head": torch.zeros(3)}
    torch.save(faulty, tmp_path / "weights.pth")
    said = r"missing conv1.weight \(64x3x7x7\); surplus head \(3\); fc.bias is 7, expected 1000"
    with pytest.raises(VisaeError, match=said):
        visae.networks.network("torchvision:resnet18", weights=tmp_path / "weights.pth")
