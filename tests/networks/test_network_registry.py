import pytest
import torch

import visae.networks
from visae._support.errors import VisaeError
from visae.networks import _registry as opening
from visae.networks._inception import TENSORFLOW, InceptionV1
from visae.networks._weights import digest
from visae.networks.planted._network import INHIBITION, Planted

pytestmark = pytest.mark.usefixtures("nowhere_else")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A folder with random weights as inception5h.pth."""
    folder = tmp_path_factory.mktemp("weights")
    module = InceptionV1(TENSORFLOW)
    tensors = {name: parameter.data for name, parameter in module._stored().items()}
    torch.save(tensors, folder / "inception5h.pth")
    return folder, digest(tensors)


@pytest.mark.parametrize("place", [".", "inception5h.pth"])
def test_weights_are_found_in_a_path_and_in_the_environment(monkeypatch, stored, place):
    folder, expected = stored
    assert visae.networks.network("inceptionv1", folder / place, "cpu").digest == expected
    assert visae.networks.network("inceptionv1", str(folder / place), "cpu").digest == expected
    monkeypatch.setenv("VISAE_WEIGHTS", str(folder / place))
    assert visae.networks.network("inceptionv1", device="cpu").digest == expected


def test_weights_are_found_in_the_cache(stored, nowhere_else):
    folder, expected = stored
    nowhere_else.mkdir(parents=True)
    (nowhere_else / "inception5h.pth").symlink_to(folder / "inception5h.pth")
    assert visae.networks.network("inceptionv1", device="cpu").digest == expected


MISSING = [
    ("inceptionv1", "inception5h.pth", "git blob 119f77db85c8352960933e025312b507d9a96ed7"),
    ("inceptionv1-caffe", "bvlc_googlenet.caffemodel", "SHA-1 405fc5acd08a3bb12de8ee5e23a96bec22f08204"),
]


@pytest.mark.parametrize(("name", "file", "value"), MISSING)
def test_missing_weights_are_answered_with_the_command_the_url_and_the_digest(name, file, value):
    with pytest.raises(VisaeError) as caught:
        visae.networks.network(name)
    for said in (f"`visae fetch {name}`", opening.network_card(name).preferred().url, file, value):
        assert said in str(caught.value)


UNKNOWN = [
    ("inceptionv2", "no network named 'inceptionv2'; the nearest are inceptionv1"),
    ("plantde", "the nearest are planted"),
    ("resnet18", "the nearest are torchvision:resnet18"),
    ("", "no network named ''; there are planted, inceptionv1, inceptionv1-caffe, torchvision:resnet18"),
]


@pytest.mark.parametrize(("name", "said"), UNKNOWN)
@pytest.mark.parametrize("ask", [visae.networks.network, opening.layers])
def test_an_unknown_network_lists_the_nearest(ask, name, said):
    with pytest.raises(VisaeError, match=said):
        ask(name)


CARDS = [
    ("inceptionv3", "no network named 'inceptionv3'; the nearest are inceptionv1"),
    ("planted", "built, not trained"),
    ("planted:0.2", "built, not trained"),
    ("torchvision:resnet", "the nearest are resnet"),
]


@pytest.mark.parametrize(("name", "said"), CARDS)
def test_a_network_without_weights_has_no_card(name, said):
    with pytest.raises(VisaeError, match=said):
        opening.network_card(name)


@pytest.mark.parametrize("name", ["inceptionv1", "inceptionv1-caffe", "torchvision:resnet18"])
def test_a_card_has_the_networks_name(name):
    assert opening.network_card(name).name == name


@pytest.mark.parametrize(
    ("name", "strength"), [("planted", INHIBITION), ("planted:0", 0.0), ("planted:0.3", 0.3), ("planted:1", 1.0)]
)
def test_the_planted_networks_inhibition_is_part_of_its_name(name, strength):
    network = visae.networks.network(name, device="cpu")
    assert network.name == name
    assert network.readable.inhibition.item() == pytest.approx(strength)
    assert network.digest == digest(Planted(strength).state_dict())


BAD = [
    ("planted:much", "'planted:much' gives no strength of inhibition"),
    ("planted:0,3", "'planted:0,3' gives no strength of inhibition"),
    ("planted:1.5", "inhibition is 1.5; it must be between -1 and 1"),
    ("planted:-1.1", "inhibition is -1.1; it must be between -1 and 1"),
    ("planted:nan", "inhibition is nan; it must be between -1 and 1"),
]


@pytest.mark.parametrize(("name", "said"), BAD)
def test_a_strength_that_cannot_be_is_an_error(name, said):
    with pytest.raises(VisaeError, match=said):
        visae.networks.network(name)


def test_layers_are_listed_without_weights(stored):
    folder, _ = stored
    assert opening.layers("inceptionv1") == visae.networks.network("inceptionv1", folder, "cpu").layers
    assert opening.layers("planted") == visae.networks.network("planted", device="cpu").layers
    assert opening.layers("torchvision:squeezenet1_1")["features.0"].channels == 64
    assert set(opening.names()) == {"planted", "inceptionv1", "inceptionv1-caffe"}


def test_the_default_device_is_cuda_where_there_is_one():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert visae.networks.network("planted").device.type == expected
