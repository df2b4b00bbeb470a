"""Rendering: what is reached, that it is the same again, and that nothing of the network is changed."""

import gc
import resource
from dataclasses import replace

import pytest
import torch
from torch import nn

import visae
from visae._support.errors import VisaeError
from visae.featurevis import Optimisation, render, render_chunks
from visae.featurevis._steps import precision
from visae.featurevis._transforms import compose, crop, pad, wobble
from visae.featurevis.objectives import Objective, Second, diversity, everywhere, opacity, penalty, sparing, unit
from visae.featurevis.parameterisations import Alpha, Bounded, Fourier, Pixels
from visae.networks import middle_position
from visae.units import features, neurons

STILL = wobble(0, turn=0, zoom=0)


def convolutions(seed=0):
    """Two convolutions with a ReLU, a pool, and another ReLU; the first layer is linear in the pixels."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(3, 6, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1),
            nn.ReLU(),
        )


@pytest.fixture
def network():
    return visae.Network.from_module(convolutions(), ["0", "1", "4"], size=32)


def short(steps=24, **settings):
    return Optimisation(steps, **settings)


def test_every_unit_gets_what_it_wants(network):
    of = neurons(network, "0")
    found = render(network, unit(of, range(6)), optimisation=short(64))
    assert (found.values > found.before + 0.1).all()
    assert found.pictures.shape[:2] == (6, 3)
    assert found.labels[2] == "0 neuron 2"
    down = render(network, -unit(of, range(6)), optimisation=short(64))
    assert (down.values > down.before + 0.1).all()
    assert torch.allclose(down.before, -found.before, atol=1e-5)


def test_values_are_those_of_the_pictures(network):
    """Read again from the picture that is given back, put where the network looks."""
    of = neurons(network, "4")
    found = render(network, unit(of, [1, 5], everywhere), size=24, transform=STILL, optimisation=short())
    maps = of.maps(found.pictures)
    assert found.values.tolist() == pytest.approx(maps[[0, 1], [1, 5]].mean((1, 2)).tolist(), abs=1e-4)


def test_the_best_picture_of_a_linear_unit_under_a_bound_is_its_kernel():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        first = nn.Conv2d(3, 5, 7, padding=3)
    network = visae.Network.from_module(nn.Sequential(first), ["0"], size=32)
    found = render(network, unit(neurons(network, "0"), range(5)), parameterisation=Bounded(Pixels()), transform=STILL)
    for picture, kernel in zip(found.pictures - 0.5, first.weight.detach(), strict=True):
        assert torch.corrcoef(torch.stack([picture.flatten(), kernel.flatten()]))[0, 1] > 0.98


def test_the_same_call_gives_the_same_bytes_and_another_seed_others(network):
    of = neurons(network, "4")
    one, other, third = (
        render(network, unit(of, [0, 3]), optimisation=short(seed=seed)).pictures for seed in (0, 0, 1)
    )
    assert torch.equal(one, other)
    assert not torch.equal(one, third)


def test_a_picture_does_not_depend_on_the_others_nor_on_chunks(network):
    of = neurons(network, "4")
    together = render(network, unit(of, range(8)), optimisation=short(12, chunk=8))
    chunks = render(network, unit(of, range(8)), optimisation=short(12, chunk=3))
    alone = render(network, unit(of, [5]), optimisation=short(12))
    assert torch.allclose(together.pictures, chunks.pictures, atol=1e-3)
    assert torch.allclose(together.pictures[5], alone.pictures[0], atol=1e-3)
    assert [
        len(part.pictures) for part in render_chunks(network, unit(of, range(8)), optimisation=short(1, chunk=3))
    ] == [
        3,
        3,
        2,
    ]


def test_pictures_of_one_objective_differ(network):
    found = render(network, unit(neurons(network, "4"), 3), count=3, optimisation=short())
    assert not torch.allclose(found.pictures[0], found.pictures[1], atol=0.01)
    assert found.labels == ("picture 0", "picture 1", "picture 2")


def test_diversity_makes_them_differ_more(network):
    of = neurons(network, "4")
    several = diversity("4", 3)
    plain = render(network, unit(of, [3] * 3, everywhere) + 0 * several, size=24, optimisation=short(48))
    diverse = render(network, unit(of, [3] * 3, everywhere) + 5 * several, size=24, optimisation=short(48))

    spread = [torch.cdist(found.pictures.flatten(1), found.pictures.flatten(1)).mean() for found in (plain, diverse)]
    assert spread[1] > spread[0]


def test_a_silent_unit_is_woken():
    """Whose ReLU lets nothing through on the first noise."""
    network = visae.Network.from_module(convolutions(), ["1"], size=32)
    with torch.no_grad():
        network.readable.module[0].bias -= 0.5
    of = neurons(network, "1")
    found = render(network, unit(of, range(6)), optimisation=short(96))
    assert (found.before == 0).all()
    assert (found.values > 0).all()


def test_a_feature_that_does_not_fire_is_driven(network):
    sae = visae.TopK(width=12, k=1).build(8, torch.Generator().manual_seed(0))
    with torch.no_grad():
        sae.encoder_bias -= 2.0
    of = features(network, "4", sae)
    found = render(network, unit(of, range(12)), optimisation=short(48))
    assert (found.before < 0).all()
    assert (found.values > found.before).all()


def test_pictures_that_fail_are_drawn_again_and_kept_if_they_do_better(network):
    of = neurons(network, "0")
    first, second = unit(of, range(6)), -unit(of, range(6))

    def asked(wanted, failed):
        return replace(wanted, second=Second(failed, second))

    def even(seen):
        return seen.index % 2 == 0

    def dark(seen):
        # Even ones fail first; of what is drawn second, all but 2 is right.
        return even(seen) & ((first.value(seen) > 0) | (seen.index == 2))

    settings = short(64, chunk=4)
    found = render(network, asked(first, dark), optimisation=settings)
    once, twice = (render(network, of, optimisation=settings) for of in (first, second))
    for number in range(6):
        kept = twice if number in (0, 4) else once
        torch.testing.assert_close(found.pictures[number], kept.pictures[number], rtol=0, atol=1e-4)
        torch.testing.assert_close(found.history[number], kept.history[number], rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(found.values[number].abs(), kept.values[number].abs(), rtol=1e-3, atol=1e-4)
    assert (found.values[[0, 4]] < 0).all()
    assert (found.values[[1, 2, 3, 5]] > 0).all()
    assert torch.equal(found.before, once.before)
    assert found.labels == once.labels
    # Where both fail, the first is kept.
    both = render(network, asked(first, even), optimisation=settings)
    assert torch.equal(both.pictures, once.pictures)


def test_alpha_clears_what_does_not_count(network):
    of = neurons(network, "0")
    kept = render(network, unit(of, [2]), size=32, parameterisation=Alpha(), optimisation=short(96))
    spared = render(network, sparing(unit(of, [2])), size=32, parameterisation=Alpha(), optimisation=short(96))
    assert kept.pictures.shape[1] == 4
    assert opacity(spared.pictures) < opacity(kept.pictures) - 0.1


def test_nothing_of_the_network_is_left_changed(network):
    module = network.readable.module
    before = {name: value.clone() for name, value in module.state_dict().items()}
    wanted = [parameter.requires_grad for parameter in module.parameters()]
    render(network, unit(neurons(network, "4"), [0]), optimisation=short(3))
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert [parameter.requires_grad for parameter in module.parameters()] == wanted
    assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("in the objective")])
def test_no_hook_outlives_an_exception(network, error):
    calls = []

    def stop(_canvas):
        calls.append(1)
        if len(calls) > 3:
            raise error
        return _canvas.mean((1, 2, 3))

    with pytest.raises((KeyboardInterrupt, RuntimeError)):
        render(network, unit(neurons(network, "4"), [0]) + penalty(stop), optimisation=short())
    assert not any(part._forward_hooks or part._backward_hooks for part in network.readable.module.modules())
    x = torch.tensor([-1.0], requires_grad=True)
    assert torch.autograd.grad(torch.relu(x), x)[0].item() == 0


def test_memory_is_flat_over_fifty_renders(network):
    of = neurons(network, "4")

    def alive():
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    for _ in range(5):
        render(network, unit(of, [0]), optimisation=short(2))
    tensors, peak = alive(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(50):
        render(network, unit(of, [0]), optimisation=short(2))
    assert alive() <= tensors + 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 30_000  # KB


def test_it_ends_when_all_have_converged(network):
    of = neurons(network, "0")
    patient = render(network, unit(of, [0, 1]), transform=STILL, optimisation=Optimisation(400, tolerance=0.0))
    early = render(network, unit(of, [0, 1]), transform=STILL, optimisation=Optimisation(400, tolerance=0.5))
    assert not patient.history.isnan().any()
    assert early.history.isnan().any(1).all()
    assert not early.history[:, :128].isnan().any()


def test_tolerance_is_of_what_all_gain():
    """A chunk goes on while one of its pictures still gains."""
    from visae.featurevis._steps import _converged

    flat, rising = torch.ones(200), torch.linspace(1, 2, 200)
    assert not _converged(list(torch.stack([flat, rising], 1)), 0.01)
    assert _converged(list(torch.stack([flat, flat], 1)), 0.01)
    assert not _converged(list(torch.stack([flat, flat], 1))[:100], 0.01)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"count": 3}, "3 pictures of an objective of 2"),
        ({"count": 0}, "0 pictures of an objective of 2"),
        ({"size": 4}, "at least 8"),
    ],
)
def test_what_cannot_be_is_refused(network, settings, words):
    with pytest.raises(VisaeError, match=words):
        render(network, unit(neurons(network, "4"), [0, 1]), **settings)


def test_groups_must_be_whole(network):
    with pytest.raises(VisaeError, match="of which 2 at a time"):
        render(network, unit(neurons(network, "4"), 0, everywhere) + diversity("4", 2), count=3, size=24)


@pytest.mark.parametrize(
    ("setting", "value"), [("steps", 0), ("chunk", 0), ("tolerance", -1.0), ("rate", -0.1), ("rate", 0.0)]
)
def test_settings_that_make_no_sense(setting, value):
    with pytest.raises(VisaeError, match=setting):
        Optimisation(**{setting: value})


def test_fourier_is_what_a_deep_layer_gets(network):
    of = neurons(network, "4")
    named = render(network, unit(of, [0]), parameterisation=Bounded(Fourier()), optimisation=short(4))
    assert torch.equal(named.pictures, render(network, unit(of, [0]), optimisation=short(4)).pictures)


@pytest.mark.filterwarnings("ignore:CUDA is not available")
def test_half_precision_is_for_cuda_alone(network, monkeypatch):
    assert precision(torch.device("cpu")).__enter__() is None
    assert isinstance(precision(torch.device("cuda", 0)), torch.autocast)  # which says so where there is none
    # The same path on a CPU: the network in half precision, pictures and objective in single.
    monkeypatch.setattr("visae.featurevis._steps.precision", lambda _: torch.autocast("cpu", torch.bfloat16))
    found = render(network, unit(neurons(network, "4"), [0, 1]), optimisation=short())
    assert found.pictures.dtype == found.values.dtype == torch.float32
    assert (found.values > found.before).all()


def noting(units, number, notes):
    """A centred objective that notes what it was shown, and what it could read of that."""

    def value(seen):
        notes.append((seen.images.detach(), {name: maps.detach() for name, maps in seen.maps.items()}))
        return unit(units, number).value(seen)

    return replace(unit(units, number), value=value)


@pytest.mark.parametrize("which", ["module", "planted"])
@pytest.mark.parametrize(
    ("size", "transform"), [(None, None), (96, compose([])), (24, compose([])), (None, crop(12)), (None, pad(9))]
)
def test_what_a_centred_objective_reads_is_the_middle_of_what_the_network_is_shown(which, size, transform):
    of = neurons(visae.Network.from_module(convolutions(), ["0", "4"], size=32), "4")
    if which == "planted":
        of = neurons(visae.network("planted", device="cpu"), "mixed")
    notes = []
    render(of.network, noting(of, 3, notes), 2, size=size, transform=transform, optimisation=short(2))
    assert len(notes) >= 4
    for images, read in notes:
        maps = of.network.maps(images, [of.layer.name])[of.layer.name]
        torch.testing.assert_close(read[of.layer.name], middle_position(maps), rtol=0, atol=1e-5)


def test_what_is_asked_second_may_read_other_layers_and_whole_maps(network):
    wanted, notes = unit(neurons(network, "4"), [1, 2]), []

    def whole(seen):
        notes.append({name: maps.shape for name, maps in seen.maps.items()})
        return seen.maps["1"][:, 0].mean((1, 2))

    second = Second(lambda seen: seen.maps["4"][:, 0, 0, 0] < torch.inf, Objective(whole, frozenset(["1", "4"])))
    render(network, replace(wanted, second=second), optimisation=short(2))
    assert all(shape[2] > 1 and shape[3] > 1 for shapes in notes for shape in shapes.values())


def test_an_objective_of_ones_own_reads_whole_maps(network):
    shapes = []

    def value(seen):
        shapes.append(seen.maps["4"].shape)
        return seen.maps["4"][:, 3].mean((1, 2))

    render(network, Objective(value, frozenset(["4"])), 2, optimisation=short(2))
    assert all(shape[2] > 1 and shape[3] > 1 for shape in shapes)
