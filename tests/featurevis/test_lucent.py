"""lucent's objectives and parameterisations in visae, and visae's units in lucent."""

import warnings
from functools import partial

import pytest
import torch
from torch import nn

import visae
from visae._support.errors import VisaeError
from visae.featurevis import Optimisation, lucent_objective, render
from visae.featurevis._lucent import objective_of
from visae.featurevis._transforms import wobble
from visae.featurevis.objectives import everywhere, unit
from visae.units import features, neurons

with warnings.catch_warnings():
    # Of the image library that lucent pins.
    warnings.simplefilter("ignore")
    lucent = pytest.importorskip("lucent.optvis.objectives", reason="lucent is an extra: pip install 'visae[lucent]'")
    from lucent.optvis import param
    from lucent.optvis.render import render_vis

SHORT = Optimisation(24)
STILL = wobble(0, turn=0, zoom=0)


@pytest.fixture(scope="module")
def module():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 6, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(6, 8, 3, padding=1))


@pytest.fixture(scope="module")
def network(module):
    return visae.Network.from_module(module, ["0", "2"], size=32)


OBJECTIVES = {
    "channel": lambda: lucent.channel("2", 3),
    "neuron": lambda: lucent.neuron("2", 3),
    "direction": lambda: lucent.direction("2", torch.ones(8)),
    "sum": lambda: lucent.channel("2", 1) + 0.5 * lucent.channel("0", 2),
    "diversity": lambda: lucent.channel("2", 1) - 0.1 * lucent.diversity("2"),
    "one of a batch": lambda: lucent.channel("2", 1, batch=0) + lucent.channel("2", 4, batch=1),
    "total variation": lambda: lucent.channel("2", 1) - lucent.blur_input_each_step(),
}


@pytest.mark.parametrize("make", OBJECTIVES.values(), ids=OBJECTIVES)
def test_any_of_its_objectives_can_be_rendered(network, make):
    found = render(network, make(), count=2, size=24, optimisation=SHORT)
    assert found.pictures.shape == (2, 3, 24, 24)
    assert (found.values > found.before).all()


def test_its_channel_is_the_mean_over_the_map(network):
    ours = unit(neurons(network, "2"), 3, everywhere)
    settings = {"count": 1, "size": 24, "transform": STILL, "optimisation": SHORT}
    assert torch.allclose(
        render(network, lucent.channel("2", 3), **settings).pictures,
        render(network, ours, **settings).pictures,
        atol=1e-5,
    )


@pytest.mark.parametrize("make", [lambda: param.image(24, batch=2), lambda: param.image(24, batch=2, fft=False)])
def test_its_parameterisations_decide_count_and_size(network, make):
    torch.manual_seed(0)
    found = render(network, unit(neurons(network, "2"), [1, 5]), parameterisation=make, optimisation=SHORT)
    assert found.pictures.shape == (2, 3, 24, 24)
    assert (found.values > found.before).all()


def test_its_networks_of_pixels_share_parameters_among_pictures(network):
    torch.manual_seed(0)
    make = partial(param.cppn, 24, num_hidden_channels=8, num_layers=3)
    found = render(network, unit(neurons(network, "2"), 1), parameterisation=make, optimisation=SHORT)
    assert found.pictures.shape == (1, 3, 24, 24)
    assert (found.values > found.before).all()


def test_a_feature_is_drawn_by_lucent_itself(module, network):
    sae = visae.TopK(width=12, k=2).build(8, torch.Generator().manual_seed(0))
    of = features(network, "2", sae)
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = render_vis(
            module,
            lucent_objective(of, 7),
            param_f=lambda: param.image(32),
            transforms=[],
            thresholds=(48,),
            preprocess=False,
            progress=False,
            show_image=False,
            fixed_image_size=32,
        )[-1]
    maps = of.drive(network.maps(torch.from_numpy(picture).permute(0, 3, 1, 2), ["2"])["2"])
    grey = of.drive(network.maps(torch.full((1, 3, 32, 32), 0.5), ["2"])["2"])
    assert maps[0, 7, 8, 8] > 3 * grey[0, 7, 8, 8].abs()


def test_which_layers_an_objective_reads_is_found_out(network):
    found = objective_of(lucent.channel("2", 1) + lucent.channel("0", 2), network, 2)
    assert found.layers == {"0", "2"}
    assert found.together == 2


def test_what_is_not_there(network):
    with pytest.raises(VisaeError, match="no layer of module named 'mixed9z'"):
        render(network, lucent.channel("mixed9z", 1), size=24)
    with pytest.raises(VisaeError, match="is no parameterisation"):
        render(network, unit(neurons(network, "2"), 0), parameterisation=lambda: 3)
    with pytest.raises(VisaeError, match="no unit 8; 2 has 8 neurons"):
        lucent_objective(neurons(network, "2"), 8)
