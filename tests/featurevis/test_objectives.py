"""Objectives on random maps, against NumPy written out."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

import visae
from visae._support.errors import VisaeError
from visae.featurevis.objectives import (
    ForwardPass,
    activation,
    alignment,
    direction,
    diversity,
    everywhere,
    interpolation,
    opacity,
    penalise_opacity,
    penalty,
    pre_activation,
    total_variation,
    unit,
    unit_direction,
)
from visae.units import features, neurons

LAYER = "mixed"


@pytest.fixture(scope="module")
def network():
    return visae.network("planted", device="cpu")


@pytest.fixture(scope="module")
def sae():
    sae = visae.TopK(width=9, k=2).build(48, torch.Generator().manual_seed(0))
    sae.fit_scale(torch.full((48,), 0.1), torch.full((48,), 0.3))
    return sae


def forward_pass(count=4, size=5, channels=48, picture_channels=3):
    draws = torch.Generator().manual_seed(0)
    maps = torch.rand(count, channels, size, size, generator=draws)
    pictures = torch.rand(count, picture_channels, 8, 8, generator=draws)
    return ForwardPass(pictures, pictures[:, :3], {LAYER: maps}, torch.arange(count))


def blank_pass(maps):
    blank = torch.zeros(len(maps), 3, 8, 8)
    return ForwardPass(blank, blank, {"x": maps}, torch.arange(len(maps)))


def values(objective, seen):
    return objective.value(seen).detach().double().numpy()


def test_unit_is_exported_twice():
    assert visae.featurevis.unit is visae.featurevis.objectives.unit


def test_units_are_read_at_the_centre_or_everywhere(network):
    units, seen = neurons(network, LAYER), forward_pass()
    maps = seen.maps[LAYER]
    single, per_picture = unit(units, 7), unit(units, [7, 3, 3, 40])
    assert torch.equal(single.value(seen), maps[:, 7, 2, 2])
    assert torch.equal(per_picture.value(seen), maps[range(4), [7, 3, 3, 40], 2, 2])
    mean = unit(units, [7, 3, 3, 40], everywhere).value(seen)
    assert torch.allclose(mean, maps[range(4), [7, 3, 3, 40]].mean((1, 2)))
    assert single.labels == ()
    assert per_picture.labels[0] == "mixed neuron 7"
    assert single.centred
    assert not unit(units, 7, everywhere).centred


def test_pictures_of_a_later_chunk_have_their_own_units(network):
    units, seen = neurons(network, LAYER), forward_pass()
    later = ForwardPass(seen.pictures[2:], seen.images[2:], {LAYER: seen.maps[LAYER][2:]}, torch.tensor([2, 3]))
    objective = unit(units, [7, 3, 11, 40])
    assert torch.equal(objective.value(later), objective.value(seen)[2:])


def test_objectives_of_features_against_numpy(network, sae):
    units, seen, chosen = features(network, LAYER, sae), forward_pass(), [7, 5, 2, 8]
    x = seen.maps[LAYER][:, :, 2, 2].double().numpy()
    z = (x - sae.centre.numpy()) / sae.scale.item()
    encoder, bias = sae.encoder.detach().double().numpy(), sae.bias.detach().double().numpy()
    raw = (z - bias) @ encoder.T + sae.encoder_bias.detach().double().numpy()
    norms = np.linalg.norm(sae.directions.double().numpy(), axis=1)
    pre = raw * norms
    expected = pre[range(4), chosen]
    assert values(pre_activation(units, chosen), seen) == pytest.approx(expected, abs=1e-4)
    assert (pre < 0).any()

    kept = np.where(raw >= np.sort(raw, axis=1)[:, -2:-1], np.maximum(raw, 0), 0) * norms
    assert values(activation(units, chosen), seen) == pytest.approx(kept[range(4), chosen], abs=1e-4)
    fires = kept > 0
    weakest = np.where(fires, pre, np.inf).min(1)
    gap = np.where(fires.any(1), np.maximum(weakest - expected, 0), 0)
    chosen_fires = fires[range(4), chosen]
    assert 0 < chosen_fires.sum() < 4
    assert ((gap == 0) == chosen_fires).all()
    assert values(unit(units, chosen), seen) == pytest.approx(expected - 4 * gap, abs=1e-4)
    assert values(unit(units, chosen), replace(seen, progress=0.0)) == pytest.approx(expected, abs=1e-4)

    dot = (x * (sae.directions.double().numpy()[chosen] / norms[chosen, None])).sum(1)
    cosine = np.maximum(dot / np.linalg.norm(x, axis=1), 0.1)
    assert values(unit_direction(units, chosen, power=2), seen) == pytest.approx(dot * cosine**2, abs=1e-4)
    assert values(unit_direction(units, chosen, power=0), seen) == pytest.approx(dot, abs=1e-4)


def test_there_is_no_gap_where_no_feature_fires(network, sae):
    silent = deepcopy(sae)
    silent.encoder_bias.data -= 1000
    units, seen = features(network, LAYER, silent), forward_pass()
    assert not units.read(seen.maps[LAYER]).any()
    assert torch.equal(unit(units, range(4)).value(seen), pre_activation(units, range(4)).value(seen))


def test_the_direction_of_one_axis_is_the_neuron():
    seen = forward_pass()
    axis = torch.zeros(48)
    axis[5] = 3.0
    neuron = seen.maps[LAYER][:, 5]
    assert torch.allclose(direction(LAYER, axis, power=0).value(seen), neuron[:, 2, 2])
    mean = direction(LAYER, axis, power=0, at=everywhere).value(seen)
    assert torch.allclose(mean, neuron.mean((1, 2)), atol=1e-6)


def test_objectives_add_subtract_and_scale(network):
    units, seen = neurons(network, LAYER), forward_pass()
    single, per_picture = unit(units, 1), unit(units, [2, 3, 4, 5])
    a, b = single.value(seen), per_picture.value(seen)
    assert torch.allclose((2 * single - per_picture / 4 + single * 0.5).value(seen), 2.5 * a - b / 4)
    assert torch.allclose((-per_picture).value(seen), -b)
    assert (-per_picture).labels == tuple(f"-mixed neuron {number}" for number in (2, 3, 4, 5))
    assert (single + per_picture).labels == per_picture.labels
    assert (per_picture + per_picture).labels == per_picture.labels
    assert (unit(units, [1]) - unit(units, [2])).labels == ("mixed neuron 1 + -mixed neuron 2",)
    with pytest.raises(VisaeError, match=r"4 and 2 pictures"):
        per_picture + unit(units, [1, 2])


def test_fallbacks_follow_the_arithmetic(network, sae):
    units, seen = features(network, LAYER, sae), forward_pass()
    objective, cost = unit(units, [0, 1, 2, 3]), penalty(total_variation)
    pre_activations, diagonal = units.pre_activations(seen.maps[LAYER])[:, :, 2, 2], torch.arange(4)
    silent = units.read(seen.maps[LAYER])[diagonal, diagonal, 2, 2] <= 0
    failed = objective.fallback.failed(seen)
    assert torch.equal(failed, silent & (pre_activations[diagonal, diagonal] > 0))
    assert 0 < failed.sum() < 4
    # The fallback has the direction in place of the pre-activation, and nothing else is different.
    difference = unit_direction(units, [0, 1, 2, 3]).value(seen) - pre_activations[diagonal, diagonal]
    torch.testing.assert_close(objective.fallback.objective.value(seen), objective.value(seen) + difference)
    combined = 2 * objective - 3 * cost
    expected = 2 * objective.fallback.objective.value(seen) - 3 * cost.value(seen)
    torch.testing.assert_close(combined.fallback.objective.value(seen), expected)
    torch.testing.assert_close((-3 * cost + 2 * objective).fallback.objective.value(seen), expected)
    assert torch.equal(combined.fallback.failed(seen), failed)
    assert (-objective).fallback is None
    assert unit(neurons(network, LAYER), 1).fallback is None
    assert pre_activation(units, 1).fallback is None


def test_diversity_is_0_for_orthogonal_styles_and_minus_1_for_equal_ones():
    first, second = torch.zeros(2, 3, 3), torch.zeros(2, 3, 3)
    first[0], second[1] = 1.0, 1.0
    assert diversity("x", 2).value(blank_pass(torch.stack([first, second]))).tolist() == [0, 0]
    equal = blank_pass(torch.stack([first, first * 7]))
    assert diversity("x", 2).value(equal).tolist() == pytest.approx([-1, -1])
    assert diversity("x", 2).group_size == 2


def test_diversity_within_groups_against_numpy():
    seen = forward_pass(count=6, channels=4)
    maps = seen.maps[LAYER].double().numpy().reshape(6, 4, -1)
    styles = [m @ m.T / np.linalg.norm(m @ m.T) for m in maps]
    expected = []
    for picture in range(6):
        group = range(picture // 3 * 3, picture // 3 * 3 + 3)
        expected.append(-np.mean([(styles[picture] * styles[other]).sum() for other in group if other != picture]))
    assert diversity(LAYER, 3).value(seen).tolist() == pytest.approx(expected, abs=1e-5)


def test_alignment_counts_both_neighbours():
    seen = blank_pass(torch.tensor([1.0, 1.0, 3.0])[:, None, None, None].expand(3, 2, 2, 2))
    mean_square = (1 + 1 + 9) / 3
    assert alignment("x", 3).value(seen).tolist() == pytest.approx([0, -4 / mean_square, -4 / mean_square])


def test_interpolation_is_linear_between_its_ends(network):
    units, seen = neurons(network, LAYER), forward_pass(5)
    first, last = unit(units, 1), unit(units, 2)
    objective, t = interpolation(first, last, 5), torch.linspace(0, 1, 5)
    assert torch.allclose(objective.value(seen), (1 - t) * first.value(seen) + t * last.value(seen))
    assert objective.labels[-1] == "1.00 of the way"


def test_penalties_of_pictures():
    stripes = torch.zeros(1, 3, 4, 4)
    stripes[..., ::2] = 1.0
    assert total_variation(stripes).item() == pytest.approx(1.0)
    assert total_variation(torch.full((1, 3, 4, 4), 0.3)).item() == 0
    seen = forward_pass(2, picture_channels=4)
    assert torch.allclose(penalty(total_variation).value(seen), total_variation(seen.pictures))
    assert torch.allclose(opacity(seen.pictures), seen.pictures[:, 3].mean((1, 2)))
    assert opacity(seen.images).tolist() == [1, 1]


def test_opacity_reduces_positive_scores(network):
    objective, seen = unit(neurons(network, LAYER), 3), forward_pass(2, picture_channels=4)
    expected = objective.value(seen) * (1 - 0.5 * seen.pictures[:, 3].mean((1, 2)))
    assert torch.allclose(penalise_opacity(objective).value(seen), expected)
    assert torch.equal(penalise_opacity(-objective).value(seen), -objective.value(seen))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda units: unit(units, 48), r"no unit 48.* 48 neurons.* 0 to 47"),
        (lambda units: unit(units, [3, -1]), r"no unit -1"),
        (lambda units: unit_direction(units, [48]), r"no unit 48"),
        (lambda units: unit(units, []), r"no unit .*at least one"),
        (lambda _: diversity(LAYER, 1), r"is 1; .* 2 pictures"),
        (lambda _: alignment(LAYER, 1), r"is 1; .* 2 pictures"),
        (lambda units: interpolation(unit(units, 1), unit(units, 2), 1), r"count is 1; .* 2 pictures"),
        (lambda units: interpolation(unit(units, [1, 2]), unit(units, 3), 5), r"2 units, but count is 5"),
    ],
)
def test_impossible_objectives_are_refused(network, make, message):
    with pytest.raises(VisaeError, match=message):
        make(neurons(network, LAYER))


@pytest.mark.parametrize("numbers", [np.array([7, 3]), torch.tensor([7, 3]), range(7, 9), (7, 3)])
def test_numbers_come_from_any_library(network, numbers):
    units = neurons(network, LAYER)
    assert unit(units, numbers).labels == tuple(f"mixed neuron {number}" for number in numbers)
    assert unit(units, np.int64(7)).labels == ()
