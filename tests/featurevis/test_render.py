"""Rendering: objectives rise, results are repeatable, and the network is not changed."""

import gc
import resource
from dataclasses import replace

import pytest
import torch
from convnets import convolutions, small_network
from torch import nn

import visae
from visae._support.errors import VisaeError
from visae.featurevis import Optimisation, render, render_chunks
from visae.featurevis.objectives import (
    Fallback,
    Objective,
    diversity,
    everywhere,
    opacity,
    penalise_opacity,
    penalty,
    unit,
)
from visae.featurevis.parameterisations import Alpha, Bounded, Fourier, Pixels
from visae.featurevis.transforms import compose, crop, pad, random_affine
from visae.networks import middle_position
from visae.units import features, neurons

UNPERTURBED = random_affine(0, rotation=0, zoom=0)


@pytest.fixture(scope="module")
def network():
    return small_network()


def short(steps=12, **settings):
    return Optimisation(steps, **settings)


def test_the_objective_of_every_unit_rises(network):
    objective = unit(neurons(network, "0"), range(6))
    up = render(network, objective, optimisation=short(32))
    assert (up.values > up.initial_values + 0.1).all()
    assert up.pictures.shape[:2] == (6, 3)
    assert up.labels[2] == "0 neuron 2"
    down = render(network, -objective, optimisation=short(32))
    assert (down.values > down.initial_values + 0.1).all()
    assert torch.allclose(down.initial_values, -up.initial_values, atol=1e-5)


def test_values_are_those_of_the_pictures(network):
    units = neurons(network, "4")
    result = render(network, unit(units, [1, 5], everywhere), size=24, transform=UNPERTURBED, optimisation=short())
    maps = units.maps(result.pictures)
    assert result.values.tolist() == pytest.approx(maps[[0, 1], [1, 5]].mean((1, 2)).tolist(), abs=1e-4)


def test_the_best_bounded_picture_of_a_linear_unit_is_its_kernel():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        first = nn.Conv2d(3, 5, 7, padding=3)
    network = visae.Network.from_module(nn.Sequential(first), ["0"], size=32)
    objective = unit(neurons(network, "0"), range(5))
    settings = {"parameterisation": Bounded(Pixels()), "transform": UNPERTURBED, "optimisation": short(96, rate=0.2)}
    for picture, kernel in zip(render(network, objective, **settings).pictures - 0.5, first.weight, strict=True):
        assert torch.corrcoef(torch.stack([picture.flatten(), kernel.detach().flatten()]))[0, 1] > 0.98


def test_the_same_call_gives_the_same_bytes_and_another_seed_others(network):
    objective = unit(neurons(network, "4"), [0, 3])
    first, again, other = (render(network, objective, optimisation=short(6, seed=seed)).pictures for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_picture_does_not_depend_on_others_or_on_chunks(network):
    units = neurons(network, "4")
    together = render(network, unit(units, range(8)), optimisation=short(chunk=8))
    chunks = render(network, unit(units, range(8)), optimisation=short(chunk=3))
    alone = render(network, unit(units, [5]), optimisation=short())
    assert torch.allclose(together.pictures, chunks.pictures, atol=1e-3)
    assert torch.allclose(together.pictures[5], alone.pictures[0], atol=1e-3)
    parts = render_chunks(network, unit(units, range(8)), optimisation=short(1, chunk=3))
    assert [len(part.pictures) for part in parts] == [3, 3, 2]


def test_pictures_of_one_objective_differ(network):
    result = render(network, unit(neurons(network, "4"), 3), count=3, optimisation=short())
    assert not torch.allclose(result.pictures[0], result.pictures[1], atol=0.01)
    assert result.labels == ("picture 0", "picture 1", "picture 2")


def test_diversity_increases_differences(network):
    objective, cosines = unit(neurons(network, "4"), [3] * 3, everywhere), diversity("4", 3)

    def spread(weight):
        result = render(network, objective + weight * cosines, size=24, optimisation=short(24))
        return torch.cdist(result.pictures.flatten(1), result.pictures.flatten(1)).mean()

    assert spread(5) > spread(0)


def test_units_that_the_initial_noise_leaves_silent_are_driven():
    network = visae.Network.from_module(convolutions(), ["1"], size=32)
    with torch.no_grad():
        network.readable.module[0].bias -= 0.5
    result = render(network, unit(neurons(network, "1"), range(6)), optimisation=short(48))
    assert (result.initial_values == 0).all()
    assert (result.values > 0).all()


def test_features_that_do_not_fire_are_driven(network):
    sae = visae.TopK(width=12, k=1).build(8, torch.Generator().manual_seed(0))
    with torch.no_grad():
        sae.encoder_bias -= 2.0
    result = render(network, unit(features(network, "4", sae), range(12)), optimisation=short(24))
    assert (result.initial_values < 0).all()
    assert (result.values > result.initial_values).all()


def test_failed_pictures_are_replaced_by_the_fallback_unless_it_fails_too(network):
    units = neurons(network, "0")
    first, second = unit(units, range(6)), -unit(units, range(6))

    def with_fallback(failed):
        return replace(first, fallback=Fallback(failed, second))

    def even(seen):
        return seen.index % 2 == 0

    def even_and_bright(seen):
        # Of the even ones, which fail first, the fallback succeeds for all but 2.
        return even(seen) & ((first.value(seen) > 0) | (seen.index == 2))

    settings = short(8, rate=0.2, chunk=4)
    result = render(network, with_fallback(even_and_bright), optimisation=settings)
    by_first, by_second = (render(network, objective, optimisation=settings) for objective in (first, second))
    for number in range(6):
        expected = by_second if number in (0, 4) else by_first
        torch.testing.assert_close(result.pictures[number], expected.pictures[number], rtol=0, atol=1e-4)
        torch.testing.assert_close(result.history[number], expected.history[number], rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(result.values[number].abs(), expected.values[number].abs(), rtol=1e-3, atol=1e-4)
    assert (result.values[[0, 4]] < 0).all()
    assert (result.values[[1, 2, 3, 5]] > 0).all()
    assert torch.equal(result.initial_values, by_first.initial_values)
    assert result.labels == by_first.labels
    both_failed = render(network, with_fallback(even), optimisation=settings)
    assert torch.equal(both_failed.pictures, by_first.pictures)


def test_a_penalty_on_opacity_makes_pictures_transparent(network):
    objective = unit(neurons(network, "0"), [2])
    settings = {"size": 32, "parameterisation": Alpha(), "optimisation": short(32)}
    plain = render(network, objective, **settings)
    penalised = render(network, penalise_opacity(objective), **settings)
    assert plain.pictures.shape[1] == 4
    assert opacity(penalised.pictures) < opacity(plain.pictures) - 0.1


def test_the_network_is_not_changed(network):
    module = network.readable.module
    before = {name: value.clone() for name, value in module.state_dict().items()}
    required = [parameter.requires_grad for parameter in module.parameters()]
    render(network, unit(neurons(network, "4"), [0]), optimisation=short(3))
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert [parameter.requires_grad for parameter in module.parameters()] == required
    assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("in the objective")])
def test_no_hook_outlives_an_exception(network, error):
    calls = []

    def fail(pictures):
        calls.append(1)
        if len(calls) > 3:
            raise error
        return pictures.mean((1, 2, 3))

    with pytest.raises((KeyboardInterrupt, RuntimeError)):
        render(network, unit(neurons(network, "4"), [0]) + penalty(fail), optimisation=short())
    assert not any(part._forward_hooks or part._backward_hooks for part in network.readable.module.modules())
    x = torch.tensor([-1.0], requires_grad=True)
    assert torch.autograd.grad(torch.relu(x), x)[0].item() == 0


@pytest.mark.slow
def test_renders_leave_no_memory_behind(network):
    objective = unit(neurons(network, "4"), [0])

    def alive():
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    for _ in range(3):
        render(network, objective, optimisation=short(1))
    tensors, peak = alive(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(20):
        render(network, objective, optimisation=short(1))
    assert alive() <= tensors + 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 12_000  # KB


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"count": 3}, r"count is 3.* 2 units"),
        ({"count": 0}, r"count is 0.* 2 units"),
        ({"size": 4}, r"size is 4 px.* 8"),
    ],
)
def test_impossible_counts_and_sizes_are_refused(network, settings, message):
    with pytest.raises(VisaeError, match=message):
        render(network, unit(neurons(network, "4"), [0, 1]), **settings)


def test_groups_must_be_whole(network):
    objective = unit(neurons(network, "4"), 0, everywhere)
    with pytest.raises(VisaeError, match=r"count is 3.* groups of 2"):
        render(network, objective + diversity("4", 2), count=3, size=24)
    with pytest.raises(VisaeError, match=r"count is 0"):
        render(network, objective, count=0, size=24)


def test_small_receptive_fields_get_bounded_contrast(network):
    objective = unit(neurons(network, "4"), [0])
    explicit = render(network, objective, parameterisation=Bounded(Fourier()), optimisation=short(4))
    assert torch.equal(explicit.pictures, render(network, objective, optimisation=short(4)).pictures)


@pytest.fixture(scope="module")
def layers(network):
    """A layer of a hooked module, and one of a network that computes its middle position by itself."""
    return {"module": neurons(network, "4"), "planted": neurons(visae.network("planted", device="cpu"), "mixed")}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["module", "planted"])
@pytest.mark.parametrize(
    ("size", "transform"), [(None, None), (96, compose([])), (24, compose([])), (None, crop(12)), (None, pad(9))]
)
def test_centred_objectives_read_the_middle_of_the_map(layers, name, size, transform):
    units, passes = layers[name], []
    objective = unit(units, 3)

    def value(seen):
        passes.append(seen)
        return objective.value(seen)

    recorded = replace(objective, value=value)
    render(units.network, recorded, 2, size=size, transform=transform, optimisation=short(2))
    assert len(passes) >= 4
    for seen in passes:
        with torch.no_grad():
            maps = units.network.maps(seen.images, [units.layer.name])[units.layer.name]
        middle = seen.maps[units.layer.name].detach()
        torch.testing.assert_close(middle, middle_position(maps), rtol=0, atol=1e-5)


def test_a_fallback_may_read_other_layers_and_whole_maps(network):
    shapes = []

    def value(seen):
        shapes.extend(maps.shape for maps in seen.maps.values())
        return seen.maps["1"][:, 0].mean((1, 2))

    fallback = Fallback(lambda seen: seen.maps["4"][:, 0, 0, 0] < torch.inf, Objective(value, frozenset(["1", "4"])))
    render(network, replace(unit(neurons(network, "4"), [1, 2]), fallback=fallback), optimisation=short(2))
    assert shapes
    assert all(shape[2] > 1 and shape[3] > 1 for shape in shapes)


def test_custom_objectives_read_whole_maps(network):
    shapes = []

    def value(seen):
        shapes.append(seen.maps["4"].shape)
        return seen.maps["4"][:, 3].mean((1, 2))

    render(network, Objective(value, frozenset(["4"])), 2, optimisation=short(2))
    assert all(shape[2] > 1 and shape[3] > 1 for shape in shapes)
