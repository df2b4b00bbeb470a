import re

import pytest
import torch
import torchvision
from torch import nn
from torchvision.transforms.functional import normalize

from visae._support.errors import VisaeError
from visae.networks import network, network_card, network_layers
from visae.networks._torchvision import Normalisation, torchvision_card

pytestmark = pytest.mark.usefixtures("empty_cache")

# What published weights need beyond `get_model(name)`: googlenet renormalises images itself.
ARGUMENTS = {"googlenet": {"transform_input": True, "init_weights": False}}


def plain(short):
    """torchvision's own network, with weights that propagate an image to the output, and statistics for each layer."""
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
    """Without batch counters, and with dots in DenseNet's names."""
    kept = {name: value for name, value in state.items() if not name.endswith(".num_batches_tracked")}
    return {re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", name): value for name, value in kept.items()}


# mnasnet's own loading needs metadata that only torch's pickles have.
CASES = [
    ("squeezenet1_1", dict),
    ("mnasnet0_5", dict),
    pytest.param("resnet18", dict, marks=pytest.mark.slow),
    pytest.param("resnet18", as_published_in_2017, marks=pytest.mark.slow),
    pytest.param("densenet121", as_published_in_2017, marks=pytest.mark.slow),
    pytest.param("googlenet", dict, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("short", "published"), CASES)
@torch.inference_mode()
def test_logits_are_torchvisions_with_torchvisions_preprocessing(tmp_path, short, published):
    module = plain(short)
    torch.save(published(module.state_dict()), tmp_path / "weights.pth")
    opened = network(f"torchvision:{short}", weights=tmp_path / "weights.pth", device="cpu")
    preset = torchvision.models.get_model_weights(short).DEFAULT.transforms()
    images = torch.rand(2, 3, 64, 64)
    expected = module(normalize(images, preset.mean, preset.std))
    torch.testing.assert_close(opened.logits(images), expected)
    assert (expected[0] - expected[1]).abs().max() > 0.01 * expected.abs().max()
    assert opened.name == f"torchvision:{short}"


@pytest.mark.slow
@torch.inference_mode()
def test_layers_of_a_classifier(tmp_path):
    module = plain("resnet18")
    torch.save(module.state_dict(), tmp_path / "weights.pth")
    opened = network("torchvision:resnet18", weights=tmp_path / "weights.pth", device="cpu")
    images = torch.rand(1, 3, 64, 64)
    x = module.maxpool(module.relu(module.bn1(module.conv1(Normalisation("resnet18")(images)))))
    maps = opened.maps(images, ["layer2", "layer1.0.relu", "layer1"])
    torch.testing.assert_close(maps["layer1.0.relu"], module.layer1[0](x))
    torch.testing.assert_close(maps["layer1"], module.layer1(x))
    torch.testing.assert_close(maps["layer2"], module.layer2(module.layer1(x)))


@pytest.mark.slow
def test_geometry_of_a_classifiers_layer():
    layer = network_layers("torchvision:resnet18")["layer2"]
    assert (layer.channels, layer.stride, layer.receptive_field, layer.offset) == (128, 8, 99, 0.0)


@pytest.mark.parametrize("short", ["resnet18", "efficientnet_v2_l", "vit_b_16"])
def test_preprocessing_is_that_of_the_networks_own_weights(short):
    preset = torchvision.models.get_model_weights(short).DEFAULT.transforms()
    images = torch.rand(2, 3, 5, 6)
    torch.testing.assert_close(Normalisation(short)(images), normalize(images, preset.mean, preset.std))


def test_every_classifier_of_torchvision_has_a_card():
    for short in torchvision.models.list_models(module=torchvision.models):
        card = torchvision_card(short)
        entry = card.preferred()
        assert card.name == f"torchvision:{short}"
        assert entry.url == torchvision.models.get_model_weights(short).DEFAULT.url
        assert entry.url.endswith(f"-{entry.digest.value}.pth")
        assert entry.url.endswith(f"/{entry.file}")


def test_unknown_classifiers_list_the_nearest():
    with pytest.raises(VisaeError, match="no torchvision network named 'resnet19'; the nearest are resnet1"):
        network("torchvision:resnet19")
    with pytest.raises(VisaeError, match="the nearest are resnet"):
        network_card("torchvision:resnet")


def test_missing_weights_name_the_command_the_url_and_the_digest():
    with pytest.raises(VisaeError) as caught:
        network("torchvision:resnet18")
    entry = torchvision.models.ResNet18_Weights.DEFAULT
    for part in ("`visae fetch torchvision:resnet18`", entry.url, "SHA-256 beginning with f37072fd"):
        assert part in str(caught.value)


def test_weights_of_another_network_are_refused(tmp_path):
    state = plain("squeezenet1_1").state_dict()
    faulty = {name: value for name, value in state.items() if name != "features.0.weight"}
    faulty |= {"classifier.1.bias": torch.zeros(7), "head": torch.zeros(3)}
    torch.save(faulty, tmp_path / "weights.pth")
    faults = r"missing features\.0\.weight \(64x3x3x3\); unexpected head \(3\); classifier\.1\.bias is 7, expected 1000"
    with pytest.raises(VisaeError, match=faults):
        network("torchvision:squeezenet1_1", weights=tmp_path / "weights.pth")
