import math
from dataclasses import asdict, fields

import numpy as np
import pytest
import torch
from constructed_saes import ConstructedSAE, constant, perfect, scaled
from torch import nn

from visae._support.errors import VisaeError
from visae.metrics import LossRecovered, loss_recovered
from visae.networks import CAFFE, InceptionV1, Network
from visae.sae import TopK

LAYER = "1"


def measure(network, layer, sae, batches, mean):
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
    # Larger weights make the scores far from uniform, so that every replacement has an effect.
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
    return ConstructedSAE(4, lambda x: x, lambda f: factor * f + shift)


def slow_loss_recovered(sae, images, mean):
    """The same image by image, in NumPy and float64."""
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
            replaced = [maps, sae.decode(sae.encode(maps)), 0 * maps, floor]
            p = [probabilities(values.clone()) for values in replaced]
            entropies.append([-np.log(q[p[0].argmax()]) for q in p])
            divergences.append([np.sum(p[0] * np.log(p[0] / q)) for q in p])
    ce, kl = np.mean(entropies, 0), np.mean(divergences, 0)
    recovered = [1 - (ce[1] - ce[0]) / (floor - ce[0]) for floor in ce[2:]]
    return LossRecovered(len(images), *ce, *kl[1:], *recovered, 1 - kl[1] / kl[2], 1 - kl[1] / kl[3])


def assert_close(actual, expected):
    # The scores are float32, of about 10.
    assert asdict(actual) == pytest.approx(asdict(expected), rel=1e-4, abs=1e-6)


def test_a_perfect_sae_loses_nothing(network, images, mean):
    metrics = measure(network, LAYER, perfect(4), [images], mean)
    assert metrics.cross_entropy_sae == metrics.cross_entropy_clean
    assert metrics.kl_sae == 0
    assert metrics.loss_recovered_zero == metrics.loss_recovered_mean == 1
    assert metrics.kl_recovered_zero == metrics.kl_recovered_mean == 1
    assert min(metrics.kl_zero, metrics.kl_mean) > 0.01


@pytest.mark.parametrize(("floor", "sae"), [("zero", lambda _: scaled(4, 0.0)), ("mean", constant)])
def test_an_sae_equal_to_the_floor_recovers_nothing(network, images, mean, floor, sae):
    metrics = asdict(measure(network, LAYER, sae(mean), [images], mean))
    assert metrics["cross_entropy_sae"] == metrics[f"cross_entropy_{floor}"] != metrics["cross_entropy_clean"]
    assert metrics[f"loss_recovered_{floor}"] == metrics[f"kl_recovered_{floor}"] == 0
    other_floor = {"zero": "mean", "mean": "zero"}[floor]
    assert metrics[f"kl_recovered_{other_floor}"] != 0


@pytest.mark.parametrize("factor", [0.8, 1.3])
@pytest.mark.parametrize("sizes", [[10], [4, 6], [1] * 10])
def test_loss_recovered_equals_the_slow_reference(network, images, mean, factor, sizes):
    sae = noisy(factor)
    assert_close(measure(network, LAYER, sae, images.split(sizes), mean), slow_loss_recovered(sae, images, mean))


def test_a_topk_sae_is_applied_to_maps(network, images, mean):
    sae = TopK(width=12, k=2).build(4, torch.Generator().manual_seed(0))
    assert_close(measure(network, LAYER, sae, images.split(4), mean), slow_loss_recovered(sae, images, mean))


def test_cross_entropy_is_with_respect_to_the_clean_top_class(network, images, mean):
    metrics = measure(network, LAYER, noisy(), [images], mean)
    with torch.no_grad():
        likeliest = network.logits(images).double().softmax(1).amax(1)
    assert metrics.cross_entropy_clean == pytest.approx(-likeliest.log().mean().item())
    assert metrics.images == 10


def test_recovered_is_nan_if_the_floor_costs_nothing(images, mean):
    same = module()
    same[-1].weight.data.zero_()
    metrics = measure(Network.from_module(same, size=32), LAYER, noisy(), [images], mean)
    assert metrics.kl_sae == metrics.kl_zero == metrics.kl_mean == 0
    recovered = [getattr(metrics, field.name) for field in fields(metrics) if "recovered" in field.name]
    assert len(recovered) == 4
    assert all(math.isnan(value) for value in recovered)


def test_without_images_metrics_are_nan(network, mean):
    metrics = asdict(measure(network, LAYER, noisy(), [], mean))
    assert metrics.pop("images") == 0
    assert all(math.isnan(value) for value in metrics.values())


def test_a_branch_of_inception_can_be_replaced():
    torch.manual_seed(0)
    network = Network("inception", InceptionV1(CAFFE), "")
    images = torch.rand(2, 3, 64, 64)
    metrics = measure(network, "mixed3b_5x5", perfect(96), [images], torch.zeros(96))
    assert metrics.kl_sae == 0
    assert metrics.kl_zero == metrics.kl_mean > 0
    with pytest.raises(VisaeError, match="replacing mixed3b_pre_relu changes nothing"):
        measure(network, "mixed3b_pre_relu", perfect(480), [images], torch.zeros(480))


@pytest.mark.parametrize(
    ("layer", "dim", "mean", "message"),
    [
        ("one", 4, 4, "no layer of module named 'one'"),
        (LAYER, 5, 4, "the SAE is for 5 channels, but 1 of module has 4"),
        (LAYER, 4, 6, "the mean is for 6 channels, but 1 of module has 4"),
    ],
)
def test_widths_must_match_the_layer(network, images, layer, dim, mean, message):
    with pytest.raises(VisaeError, match=message):
        measure(network, layer, perfect(dim), [images], torch.zeros(mean))


def test_a_network_without_classes_is_refused(images, planted):
    with pytest.raises(VisaeError, match="planted does not classify"):
        measure(planted, "mixed", perfect(48), [images], torch.zeros(48))


def test_metrics_are_plain_numbers(network, images, mean):
    metrics = asdict(measure(network, LAYER, noisy(), [images], mean))
    assert isinstance(metrics.pop("images"), int)
    assert {type(value) for value in metrics.values()} == {float}


def test_several_saes_score_as_each_alone(network, images, mean):
    saes = {"perfect": perfect(4), "noisy": noisy()}
    metrics = loss_recovered(network, LAYER, saes, [images], mean)
    assert list(metrics) == ["perfect", "noisy"]
    for name, sae in saes.items():
        assert metrics[name] == measure(network, LAYER, sae, [images], mean)
