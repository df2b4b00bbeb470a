"""Objectives: their values on made maps, against NumPy written out."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

import visae
from visae._support.errors import VisaeError
from visae.featurevis.objectives import (
    Seen,
    activation,
    alignment,
    along,
    direction,
    diversity,
    drive,
    everywhere,
    interpolation,
    opacity,
    penalty,
    roughness,
    sparing,
    unit,
)
from visae.units import features, neurons

LAYER = "mixed"


@pytest.fixture(scope="module")
def network():
    return visae.network("planted", device="cpu")


@pytest.fixture(scope="module")
def sae():
    made = visae.TopK(width=9, k=2).build(48, torch.Generator().manual_seed(0))
    made.fit_scale(torch.full((48,), 0.1), torch.full((48,), 0.3))
    return made


def seen(count=4, size=5, seed=0, channels=48, canvas=3):
    draw = torch.Generator().manual_seed(seed)
    maps = torch.rand(count, channels, size, size, generator=draw)
    pictures = torch.rand(count, canvas, 8, 8, generator=draw)
    return Seen(pictures, pictures[:, :3], {LAYER: maps}, torch.arange(count))


def test_a_unit_is_read_at_the_middle_or_everywhere(network):
    of, what = neurons(network, LAYER), seen()
    maps = what.maps[LAYER]
    one, several = unit(of, 7), unit(of, [7, 3, 3, 40])
    assert torch.equal(one.value(what), maps[:, 7, 2, 2])
    assert torch.equal(several.value(what), maps[range(4), [7, 3, 3, 40], 2, 2])
    assert torch.allclose(unit(of, [7, 3, 3, 40], everywhere).value(what), maps[range(4), [7, 3, 3, 40]].mean((1, 2)))
    assert one.labels == ()
    assert several.labels[0] == "mixed neuron 7"
    assert one.centred
    assert not unit(of, 7, everywhere).centred


def test_images_of_a_later_chunk_have_their_own_units(network):
    of, what = neurons(network, LAYER), seen()
    later = Seen(what.canvas[2:], what.images[2:], {LAYER: what.maps[LAYER][2:]}, torch.tensor([2, 3]))
    several = unit(of, [7, 3, 11, 40])
    assert torch.equal(several.value(later), several.value(what)[2:])


def test_a_feature_by_its_pre_activation_its_activation_and_its_direction(network, sae):
    of, what, chosen = features(network, LAYER, sae), seen(), [7, 5, 2, 8]
    x = what.maps[LAYER][:, :, 2, 2].double().numpy()
    z = (x - sae.centre.numpy()) / sae.scale.item()
    encoder, bias = sae.encoder.detach().double().numpy(), sae.bias.detach().double().numpy()
    pre = (z - bias) @ encoder.T + sae.encoder_bias.detach().double().numpy()
    size = np.linalg.norm(sae.directions.double().numpy(), axis=1)
    expected = (pre * size)[range(4), chosen]
    assert drive(of, chosen).value(what).detach().double().numpy() == pytest.approx(expected, abs=1e-4)
    assert (expected < 0).any() or (pre < 0).any()
    fires = (kept := np.where(pre >= np.sort(pre, axis=1)[:, -2:-1], np.maximum(pre, 0), 0) * size) > 0
    weakest = np.where(fires, pre * size, np.inf).min(1)
    lacks = np.where(fires.any(1), np.maximum(weakest - expected, 0), 0)
    own = fires[range(4), chosen]
    assert 0 < own.sum() < 4
    assert ((lacks == 0) == own).all()
    assert unit(of, chosen).value(what).detach().double().numpy() == pytest.approx(expected - 4 * lacks, abs=1e-4)
    at_first = unit(of, chosen).value(replace(what, done=0.0))
    assert at_first.detach().double().numpy() == pytest.approx(expected, abs=1e-4)
    assert activation(of, chosen).value(what).detach().double().numpy() == pytest.approx(
        kept[range(4), chosen], abs=1e-4
    )
    unit_vectors = sae.directions.double().numpy()[chosen] / size[chosen, None]
    dot = (x * unit_vectors).sum(1)
    cosine = np.maximum(dot / np.linalg.norm(x, axis=1), 0.1)
    found = along(of, chosen, power=2).value(what).detach().double().numpy()
    assert found == pytest.approx(dot * cosine**2, abs=1e-4)
    assert along(of, chosen, power=0).value(what).detach().double().numpy() == pytest.approx(dot, abs=1e-4)


def test_a_feature_lacks_nothing_where_no_feature_fires(network, sae):
    silent = deepcopy(sae)
    silent.encoder_bias.data -= 1000
    of, what = features(network, LAYER, silent), seen()
    assert not of.read(what.maps[LAYER]).any()
    assert torch.equal(unit(of, range(4)).value(what), drive(of, range(4)).value(what))


def test_a_direction_of_one_neuron_is_the_neuron():
    what = seen()
    axis = torch.zeros(48)
    axis[5] = 3.0
    assert torch.allclose(direction(LAYER, axis, power=0).value(what), what.maps[LAYER][:, 5, 2, 2])
    assert torch.allclose(
        direction(LAYER, axis, power=0, at=everywhere).value(what), what.maps[LAYER][:, 5].mean((1, 2)), atol=1e-6
    )


def test_they_add_subtract_and_scale(network):
    of, what = neurons(network, LAYER), seen()
    one, other = unit(of, 1), unit(of, [2, 3, 4, 5])
    a, b = one.value(what), other.value(what)
    assert torch.allclose((2 * one - other / 4 + one * 0.5).value(what), 2.5 * a - b / 4)
    assert torch.allclose((-other).value(what), -b)
    assert (-other).labels == tuple(f"-mixed neuron {number}" for number in (2, 3, 4, 5))
    assert (one + other).labels == other.labels
    assert (other + other).labels == other.labels
    with pytest.raises(VisaeError, match="4 images, the other of 2"):
        other + unit(of, [1, 2])


def test_what_is_asked_second_is_added_and_scaled_with_the_first(network, sae):
    of, what = features(network, LAYER, sae), seen()
    whole, cost = unit(of, [0, 1, 2, 3]), penalty(roughness)
    drives, own = of.drive(what.maps[LAYER])[:, :, 2, 2], torch.arange(4)
    silent = of.read(what.maps[LAYER])[own, own, 2, 2] <= 0
    assert torch.equal(whole.second.failed(what), silent & (drives[own, own] > 0))
    assert 0 < whole.second.failed(what).sum() < 4
    # The second differs from the first in what stands in the place of the drive alone.
    instead = along(of, [0, 1, 2, 3]).value(what) - drives[own, own]
    torch.testing.assert_close(whole.second.objective.value(what), whole.value(what) + instead)
    both, expected = 2 * whole - 3 * cost, 2 * whole.second.objective.value(what) - 3 * cost.value(what)
    torch.testing.assert_close(both.second.objective.value(what), expected)
    torch.testing.assert_close((-3 * cost + 2 * whole).second.objective.value(what), expected)
    assert torch.equal(both.second.failed(what), whole.second.failed(what))
    assert (-whole).second is None
    assert unit(neurons(network, LAYER), 1).second is None
    assert drive(of, 1).second is None


def test_diversity_is_zero_for_styles_that_have_nothing_in_common_and_minus_one_for_the_same():
    one, other = torch.zeros(2, 3, 3), torch.zeros(2, 3, 3)
    one[0], other[1] = 1.0, 1.0
    apart = Seen(torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 8, 8), {"x": torch.stack([one, other])}, torch.arange(2))
    alike = Seen(torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 8, 8), {"x": torch.stack([one, one * 7])}, torch.arange(2))
    assert diversity("x", 2).value(apart).tolist() == [0, 0]
    assert diversity("x", 2).value(alike).tolist() == pytest.approx([-1, -1])
    assert diversity("x", 2).together == 2


def test_diversity_against_numpy_in_groups():
    what = seen(count=6, channels=4)
    maps = what.maps[LAYER].double().numpy().reshape(6, 4, -1)
    styles = [m @ m.T / np.linalg.norm(m @ m.T) for m in maps]
    expected = []
    for image in range(6):
        group = range(image // 3 * 3, image // 3 * 3 + 3)
        expected.append(-np.mean([(styles[image] * styles[other]).sum() for other in group if other != image]))
    assert diversity(LAYER, 3).value(what).tolist() == pytest.approx(expected, abs=1e-5)


def test_alignment_is_zero_for_equal_neighbours_and_counts_both_sides():
    maps = torch.tensor([1.0, 1.0, 3.0])[:, None, None, None].expand(3, 2, 2, 2)
    what = Seen(torch.zeros(3, 3, 8, 8), torch.zeros(3, 3, 8, 8), {"x": maps}, torch.arange(3))
    mean_square = (1 + 1 + 9) / 3
    assert alignment("x", 3).value(what).tolist() == pytest.approx([0, -4 / mean_square, -4 / mean_square])


def test_interpolation_is_one_at_its_start_and_the_other_at_its_end(network):
    of, what = neurons(network, LAYER), seen(5)
    a, b = unit(of, 1), unit(of, 2)
    found = interpolation(a, b, 5).value(what)
    t = torch.linspace(0, 1, 5)
    assert torch.allclose(found, (1 - t) * a.value(what) + t * b.value(what))
    assert interpolation(a, b, 5).labels[-1] == "1.00 of the way"


def test_penalties_of_pictures():
    stripes = torch.zeros(1, 3, 4, 4)
    stripes[..., ::2] = 1.0
    assert roughness(stripes).item() == pytest.approx(1.0)
    assert roughness(torch.full((1, 3, 4, 4), 0.3)).item() == 0
    what = seen(2, canvas=4)
    assert torch.allclose(penalty(roughness).value(what), roughness(what.canvas))
    assert torch.allclose(opacity(what.canvas), what.canvas[:, 3].mean((1, 2)))
    assert opacity(what.images).tolist() == [1, 1]


def test_sparing_takes_a_share_for_what_is_opaque(network):
    of, what = neurons(network, LAYER), seen(2, canvas=4)
    score = unit(of, 3)
    expected = score.value(what) * (1 - 0.5 * what.canvas[:, 3].mean((1, 2)))
    assert torch.allclose(sparing(score).value(what), expected)
    assert torch.equal(sparing(-score).value(what), -score.value(what))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda of: unit(of, 48), "no unit 48; mixed has 48 neurons, from 0 to 47"),
        (lambda of: unit(of, [3, -1]), "no unit -1"),
        (lambda of: along(of, [48]), "no unit 48"),
        (lambda of: unit(of, []), "give at least one"),
        (lambda _: diversity(LAYER, 1), "at least 2"),
        (lambda _: alignment(LAYER, 1), "at least 2"),
        (lambda of: interpolation(unit(of, 1), unit(of, 2), 1), "its two ends"),
        (lambda of: interpolation(unit(of, [1, 2]), unit(of, 3), 5), "5 images, one end of which is of 2"),
    ],
)
def test_what_cannot_be_is_refused(network, make, words):
    with pytest.raises(VisaeError, match=words):
        make(neurons(network, LAYER))


@pytest.mark.parametrize("several", [np.array([7, 3]), torch.tensor([7, 3]), range(7, 9), (7, 3)])
def test_numbers_of_any_library(network, several):
    of = neurons(network, LAYER)
    assert unit(of, several).labels == tuple(f"mixed neuron {number}" for number in several)
    assert unit(of, np.int64(7)).labels == ()


def test_a_difference_says_so(network):
    of = neurons(network, LAYER)
    assert (unit(of, [1]) - unit(of, [2])).labels == ("mixed neuron 1 + -mixed neuron 2",)
