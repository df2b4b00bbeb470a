import math
from dataclasses import asdict, fields

import numpy as np
import pytest
import torch
from made import Made, constant, perfect, scaled
from torch import nn

from visae._support.errors import VisaeError
from visae.metrics import Spliced, loss_recovered
from visae.networks import CAFFE, InceptionV1, Network
from visae.networks.planted import PlantedNetwork
from visae.sae import TopK

LAYER = "1"


def spliced(network, layer, sae, batches, mean):
    return loss_recovered(network, layer, {"": sae}, batches, mean)[""]


def module():
    torch.manual_seed(0)
    small = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 5, 3, 2, 1),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(5, 7),
    ).eval()
    # Far from uniform scores, so that every way of replacing shows.
    small[2].weight.data *= 4
    small[-1].weight.data *= 10
    return small


@pytest.fixture
def network():
    return Network.from_module(module(), size=32)


@pytest.fixture
def images():
    return torch.rand(10, 3, 24, 28, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def mean(network, images):
    with torch.no_grad():
        return network.maps(images, [LAYER])[LAYER].mean((0, 2, 3))


def noisy(factor=0.8):
    shift = torch.tensor([0.1, -0.05, 0.2, 0.0])
    return Made(4, lambda x: x, lambda f: factor * f + shift)


def slowly(sae, images, mean):
    """Image by image, in NumPy and float64."""
    whole = module()
    head, tail = whole[:2], whole[2:]

    def probabilities(maps):
        scores = np.exp(tail(maps)[0].double().numpy())
        return scores / scores.sum()

    entropies, divergences = [], []
    with torch.no_grad():
        for image in images:
            maps = head(image[None])
            floor = mean[:, None, None].repeat(1, *maps.shape[2:])[None]
            ways = [maps, sae.decode(sae.encode(maps)), 0 * maps, floor]
            found = [probabilities(way.clone()) for way in ways]
            entropies.append([-np.log(q[found[0].argmax()]) for q in found])
            divergences.append([np.sum(found[0] * np.log(found[0] / q)) for q in found])
    ce, kl = np.mean(entropies, 0), np.mean(divergences, 0)
    recovered = [1 - (ce[1] - ce[0]) / (floor - ce[0]) for floor in ce[2:]]
    return Spliced(len(images), *ce, *kl[1:], *recovered, 1 - kl[1] / kl[2], 1 - kl[1] / kl[3])


def close(one, other):
    # Of float32 scores of about 10.
    assert asdict(one) == pytest.approx(asdict(other), rel=1e-4, abs=1e-6)


def test_a_perfect_sae_loses_nothing(network, images, mean):
    found = spliced(network, LAYER, perfect(4), [images], mean)
    assert found.cross_entropy_sae == found.cross_entropy_clean
    assert found.kl_sae == 0
    assert found.loss_recovered_zero == found.loss_recovered_mean == 1
    assert found.kl_recovered_zero == found.kl_recovered_mean == 1
    assert min(found.kl_zero, found.kl_mean) > 0.01


@pytest.mark.parametrize(("way", "sae"), [("zero", lambda _: scaled(4, 0.0)), ("mean", constant)])
def test_an_sae_that_is_the_floor_recovers_nothing(network, images, mean, way, sae):
    found = asdict(spliced(network, LAYER, sae(mean), [images], mean))
    assert found["cross_entropy_sae"] == found[f"cross_entropy_{way}"] != found["cross_entropy_clean"]
    assert found[f"loss_recovered_{way}"] == found[f"kl_recovered_{way}"] == 0
    other = {"zero": "mean", "mean": "zero"}[way]
    assert found[f"kl_recovered_{other}"] != 0


@pytest.mark.parametrize("factor", [0.8, 1.3])
@pytest.mark.parametrize("sizes", [[10], [4, 6], [1] * 10])
def test_as_in_numpy(network, images, mean, factor, sizes):
    sae = noisy(factor)
    close(spliced(network, LAYER, sae, images.split(sizes), mean), slowly(sae, images, mean))


def test_a_real_sae_is_spliced_into_maps(network, images, mean):
    sae = TopK(width=12, k=2).build(4, torch.Generator().manual_seed(0))
    close(spliced(network, LAYER, sae, images.split(4), mean), slowly(sae, images, mean))


def test_the_top_class_is_the_clean_networks_own(network, images, mean):
    found = spliced(network, LAYER, noisy(), [images], mean)
    with torch.no_grad():
        likeliest = network.logits(images).double().softmax(1).amax(1)
    assert found.cross_entropy_clean == pytest.approx(-likeliest.log().mean().item())
    assert found.images == 10


def test_where_the_floor_costs_nothing_the_figure_is_not_defined(images, mean):
    same = module()
    same[-1].weight.data.zero_()
    found = spliced(Network.from_module(same, size=32), LAYER, noisy(), [images], mean)
    assert found.kl_sae == found.kl_zero == found.kl_mean == 0
    recovered = [getattr(found, field.name) for field in fields(found) if "recovered" in field.name]
    assert len(recovered) == 4
    assert all(math.isnan(figure) for figure in recovered)


def test_without_images_nothing_is_known(network, mean):
    found = asdict(spliced(network, LAYER, noisy(), [], mean))
    assert found.pop("images") == 0
    assert all(math.isnan(figure) for figure in found.values())


def test_a_branch_of_inception_is_replaced():
    torch.manual_seed(0)
    network = Network("inception", InceptionV1(CAFFE), "")
    images = torch.rand(2, 3, 64, 64)
    found = spliced(network, "mixed3b_5x5", perfect(96), [images], torch.zeros(96))
    assert found.kl_sae == 0
    assert found.kl_zero == found.kl_mean > 0
    with pytest.raises(VisaeError, match="replacing mixed3b_pre_relu changes nothing"):
        spliced(network, "mixed3b_pre_relu", perfect(480), [images], torch.zeros(480))


@pytest.mark.parametrize(
    ("layer", "dim", "mean", "said"),
    [
        ("one", 4, 4, "no layer of module named 'one'"),
        (LAYER, 5, 4, "the SAE is for 5 channels, and 1 of module has 4"),
        (LAYER, 4, 6, "the mean is for 6 channels, and 1 of module has 4"),
    ],
)
def test_what_does_not_fit_is_an_error(network, images, layer, dim, mean, said):
    with pytest.raises(VisaeError, match=said):
        spliced(network, layer, perfect(dim), [images], torch.zeros(mean))


def test_a_network_without_classes_is_an_error(images):
    network = Network("planted", PlantedNetwork(), "")
    with pytest.raises(VisaeError, match="planted does not classify"):
        spliced(network, "mixed", perfect(48), [images], torch.zeros(48))


def test_figures_are_plain_numbers(network, images, mean):
    found = asdict(spliced(network, LAYER, noisy(), [images], mean))
    assert isinstance(found.pop("images"), int)
    assert {type(value) for value in found.values()} == {float}


def test_many_are_as_each_alone(network, images, mean):
    saes = {"perfect": perfect(4), "noisy": noisy()}
    found = loss_recovered(network, LAYER, saes, [images], mean)
    assert list(found) == ["perfect", "noisy"]
    for name, sae in saes.items():
        assert found[name] == spliced(network, LAYER, sae, [images], mean)
