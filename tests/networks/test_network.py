import pytest
import torch
from torch import nn

from visae._support.errors import VisaeError
from visae.networks import CAFFE, TENSORFLOW, InceptionV1, Network, middle_position, weights_digest
from visae.networks._hooks import HookedModule
from visae.networks._network import Readable
from visae.networks.planted import PlantedNetwork


def small(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Dropout2d(0.5),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 7),
    )


@pytest.fixture
def network():
    return Network.from_module(small(), preprocess=lambda images: 2 * images - 1, name="small", size=32)


MODULES = [lambda: InceptionV1(TENSORFLOW), PlantedNetwork, lambda: HookedModule(small(), lambda x: x, 32)]


@pytest.mark.parametrize("make", MODULES)
def test_modules_of_networks_are_readable(make):
    assert isinstance(make(), Readable)


def test_maps_and_logits_are_those_of_the_module_in_evaluation_mode(network):
    module = small().eval()
    images = torch.rand(3, 3, 20, 24)
    maps = network.maps(images, ["2", "0"])
    assert list(maps) == ["2", "0"]
    torch.testing.assert_close(maps["0"], module[0](2 * images - 1))
    torch.testing.assert_close(maps["2"], module[:3](2 * images - 1))
    torch.testing.assert_close(network.logits(images), module(2 * images - 1))


def test_layers_of_a_network(network):
    assert list(network.layers) == ["0", "1", "2", "3", "4"]
    assert network.layer("2").channels == 4
    assert network.layer("2").stride == 2
    assert network.truth is None
    assert (network.name, network.device) == ("small", torch.device("cpu"))


def test_layers_can_be_restricted():
    network = Network.from_module(small(), ["2", "0"], size=32)
    assert list(network.layers) == ["0", "2"]
    with pytest.raises(VisaeError, match="no layer of module named '1'"):
        network.maps(torch.rand(1, 3, 8, 8), ["1"])


TYPOS = [
    (PlantedNetwork(), "truht", "no layer of n named 'truht'; the nearest are truth"),
    (InceptionV1(TENSORFLOW), "mixed3b_5X5", "no layer of n named 'mixed3b_5X5'; the nearest are mixed3b_5x5"),
    (InceptionV1(TENSORFLOW), "conv2d3", "the nearest are conv2d2, conv2d1, conv2d0"),
]


@pytest.mark.parametrize(("readable", "name", "message"), TYPOS)
def test_a_typo_in_a_layers_name_lists_the_nearest(readable, name, message):
    network = Network("n", readable, "")
    for look_up in (network.layer, lambda name: network.maps(torch.zeros(1, 3, 32, 32), [name])):
        with pytest.raises(VisaeError, match=message):
            look_up(name)


def test_a_network_without_classes_has_no_logits():
    with pytest.raises(VisaeError, match="planted does not classify"):
        Network("planted", PlantedNetwork(), "").logits(torch.rand(1, 3, 32, 32))


def test_logits_follow_from_replaced_layers(network):
    module = small().eval()
    images = torch.rand(3, 3, 20, 24)
    logits = network.logits(images, {"0": lambda maps: maps + 1, "2": lambda maps: 3 * maps})
    torch.testing.assert_close(logits, module[3:](3 * module[1:3](module[0](2 * images - 1) + 1)))
    torch.testing.assert_close(network.logits(images, {}), network.logits(images))


def test_only_layers_can_be_replaced(network):
    for name, nearest in (("5", "there are 0, 1"), ("input", "there are 0, 1")):
        with pytest.raises(VisaeError, match=f"no layer of small named '{name}'; {nearest}"):
            network.logits(torch.rand(1, 3, 20, 24), {name: torch.zeros_like})


# Each with its channels in the block that it belongs to, through which the layers above use it.
BRANCHES = [("mixed3b_5x5", "mixed3b", slice(320, 416)), ("mixed4c", "mixed4c", slice(0, 512))]


@pytest.mark.parametrize(("layer", "block", "channels"), BRANCHES)
@torch.no_grad()
def test_replacing_a_branch_of_inception_affects_all_its_users(layer, block, channels):
    torch.manual_seed(0)
    network = Network("n", InceptionV1(CAFFE), "")
    images = torch.rand(2, 3, 64, 64)
    clean = network.logits(images)
    assert torch.equal(network.logits(images, {layer: lambda maps: maps}), clean)
    silenced = network.logits(images, {layer: torch.zeros_like})
    assert not torch.equal(silenced, clean)

    def silence(maps):
        assert torch.equal(maps[:, channels], network.maps(images, [layer])[layer])
        return maps.index_fill(1, torch.arange(maps.shape[1])[channels], 0)

    assert torch.equal(network.logits(images, {block: silence}), silenced)


def test_the_planted_networks_truth_is_exposed():
    planted = PlantedNetwork()
    truth = Network("planted", planted, "").truth
    assert truth.features == planted.features
    assert torch.equal(truth.directions, planted.directions)


def test_the_digest_is_that_of_the_weights():
    digests = [Network.from_module(small(seed), size=32).digest for seed in (0, 0, 1)]
    assert digests[0] == digests[1] == weights_digest(small(0).state_dict())
    assert digests[0] != digests[2]


def test_gradients_flow_to_the_images_unless_they_are_turned_off(network):
    images = torch.rand(1, 3, 8, 8, requires_grad=True)
    assert network.maps(images, ["2"])["2"].requires_grad
    with torch.inference_mode():
        assert not network.maps(images, ["2"])["2"].requires_grad


def test_layers_as_a_text_are_refused():
    with pytest.raises(VisaeError, match="give a list of names"):
        Network.from_module(torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3)), layers="0")


@pytest.mark.parametrize(("layers", "message"), [(["0"], "cannot take images of 48x48 px"), ([], "no layer of module")])
def test_impossible_sizes_and_missing_layers_are_errors(layers, message):
    module = nn.Sequential(nn.Conv2d(3, 2, 8, 8), nn.Flatten(), nn.Linear(2 * 64, 4), nn.Unflatten(1, (4, 1, 1)))
    network = Network.from_module(module, size=64)
    with pytest.raises(VisaeError, match=message):
        network.map_shapes([*layers, *(["3"] if layers else [])], 48)


NETWORKS = {
    "module": lambda: (Network.from_module(nn.Sequential(nn.Conv2d(3, 2, 4, stride=4)), ["0"]), "0"),
    "planted": lambda: (Network("planted", PlantedNetwork(), ""), "mixed"),
}


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_one_position_is_that_of_the_maps(make):
    network, layer = make()
    images = torch.rand(2, 3, 64, 96)
    maps = network.maps(images, [layer])[layer]
    values = network.read_at(images, {layer: (15, 23)})[layer]
    torch.testing.assert_close(values, maps[:, :, 15:, 23:], rtol=0, atol=1e-6)
    torch.testing.assert_close(network.read_middle(images, [layer])[layer], maps[:, :, 8:9, 12:13], rtol=0, atol=1e-6)
    assert torch.equal(middle_position(maps), maps[:, :, 8:9, 12:13])


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("position", [(-1, 0), (0, -1), (100, 3), (3, 100), (16, 0), (0, 24)])
def test_a_position_outside_the_maps_is_an_error(make, position):
    network, layer = make()
    images = torch.rand(1, 3, 64, 96)
    with pytest.raises(VisaeError, match="16 rows and 24 columns"):
        network.read_at(images, {layer: position})
