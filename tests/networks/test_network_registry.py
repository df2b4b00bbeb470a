import pytest
import torch

from visae._support.errors import VisaeError
from visae.networks import TENSORFLOW, InceptionV1, network, network_card, network_layers, weights_digest
from visae.networks.planted import PlantedNetwork
from visae.networks.planted._network import INHIBITION

pytestmark = pytest.mark.usefixtures("empty_cache")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A folder with random weights as inception5h.pth, and their digest."""
    folder = tmp_path_factory.mktemp("weights")
    module = InceptionV1(TENSORFLOW)
    tensors = {name: parameter.data for name, parameter in module._stored().items()}
    torch.save(tensors, folder / "inception5h.pth")
    return folder, weights_digest(tensors)


@pytest.mark.parametrize("path", [".", "inception5h.pth"])
def test_weights_at_a_path_and_in_the_environment(monkeypatch, stored, path):
    folder, expected = stored
    assert network("inceptionv1", folder / path, "cpu").digest == expected
    assert network("inceptionv1", str(folder / path), "cpu").digest == expected
    monkeypatch.setenv("VISAE_WEIGHTS", str(folder / path))
    assert network("inceptionv1", device="cpu").digest == expected


def test_weights_in_the_cache(stored, empty_cache):
    folder, expected = stored
    empty_cache.mkdir(parents=True)
    (empty_cache / "inception5h.pth").symlink_to(folder / "inception5h.pth")
    assert network("inceptionv1", device="cpu").digest == expected


MISSING = [
    ("inceptionv1", "inception5h.pth", "git blob 119f77db85c8352960933e025312b507d9a96ed7"),
    ("inceptionv1-caffe", "bvlc_googlenet.caffemodel", "SHA-1 405fc5acd08a3bb12de8ee5e23a96bec22f08204"),
]


@pytest.mark.parametrize(("name", "file", "digest"), MISSING)
def test_missing_weights_name_the_command_the_url_and_the_digest(name, file, digest):
    with pytest.raises(VisaeError) as caught:
        network(name)
    for part in (f"`visae fetch {name}`", network_card(name).preferred().url, file, digest):
        assert part in str(caught.value)


UNKNOWN = [
    ("inceptionv2", "no network named 'inceptionv2'; the nearest are inceptionv1"),
    ("plantde", "the nearest are planted"),
    ("resnet18", "the nearest are torchvision:resnet18"),
    ("", "no network named ''; there are planted, inceptionv1, inceptionv1-caffe, torchvision:resnet18"),
]


@pytest.mark.parametrize(("name", "message"), UNKNOWN)
@pytest.mark.parametrize("look_up", [network, network_layers])
def test_an_unknown_network_lists_the_nearest(look_up, name, message):
    with pytest.raises(VisaeError, match=message):
        look_up(name)


@pytest.mark.parametrize(
    ("name", "strength"), [("planted", INHIBITION), ("planted:0", 0.0), ("planted:0.3", 0.3), ("planted:1", 1.0)]
)
def test_the_planted_networks_inhibition_is_part_of_its_name(name, strength):
    planted = network(name, device="cpu")
    assert planted.name == name
    assert planted.readable.inhibition.item() == pytest.approx(strength)
    assert planted.digest == weights_digest(PlantedNetwork(strength).state_dict())


BAD = [
    ("planted:much", "'planted:much' gives no strength of inhibition"),
    ("planted:0,3", "'planted:0,3' gives no strength of inhibition"),
    ("planted:1.5", "inhibition is 1.5; it must be between -1 and 1"),
    ("planted:-1.1", "inhibition is -1.1; it must be between -1 and 1"),
    ("planted:nan", "inhibition is nan; it must be between -1 and 1"),
]


@pytest.mark.parametrize(("name", "message"), BAD)
def test_an_impossible_inhibition_is_an_error(name, message):
    with pytest.raises(VisaeError, match=message):
        network(name)


def test_layers_are_listed_without_weights(stored):
    folder, _ = stored
    assert network_layers("inceptionv1") == network("inceptionv1", folder, "cpu").layers
    assert network_layers("planted") == network("planted", device="cpu").layers
    assert network_layers("torchvision:squeezenet1_1")["features.0"].channels == 64


def test_the_default_device_is_cuda_if_available():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert network("planted").device.type == expected
