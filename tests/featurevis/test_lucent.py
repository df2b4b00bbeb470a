"""lucent's objectives and parameterisations in visae, and visae's units in lucent."""

import warnings
from functools import partial

import pytest
import torch
from convnets import convolutions

import visae
from visae._support.errors import VisaeError
from visae.featurevis import Optimisation, lucent_objective, render
from visae.featurevis._lucent import from_lucent_objective
from visae.featurevis.objectives import everywhere, unit
from visae.featurevis.transforms import random_affine
from visae.units import features, neurons

with warnings.catch_warnings():
    # From the image library that lucent pins.
    warnings.simplefilter("ignore")
    lucent = pytest.importorskip("lucent.optvis.objectives", reason="lucent is an extra: pip install 'visae[lucent]'")
    from lucent.optvis import param
    from lucent.optvis.render import render_vis

SHORT = Optimisation(12)
LAYER = "3"  # the second convolution, without its ReLU


@pytest.fixture(scope="module")
def module():
    return convolutions()


@pytest.fixture(scope="module")
def network(module):
    return visae.Network.from_module(module, ["0", LAYER], size=32)


OBJECTIVES = {
    "channel": lambda: lucent.channel(LAYER, 3),
    "neuron": lambda: lucent.neuron(LAYER, 3),
    "direction": lambda: lucent.direction(LAYER, torch.ones(8)),
    "sum": lambda: lucent.channel(LAYER, 1) + 0.5 * lucent.channel("0", 2),
    "diversity": lambda: lucent.channel(LAYER, 1) - 0.1 * lucent.diversity(LAYER),
    "one of a batch": lambda: lucent.channel(LAYER, 1, batch=0) + lucent.channel(LAYER, 4, batch=1),
    "total variation": lambda: lucent.channel(LAYER, 1) - lucent.blur_input_each_step(),
}


@pytest.mark.parametrize("make", OBJECTIVES.values(), ids=OBJECTIVES)
def test_objectives_of_lucent_can_be_rendered(network, make):
    result = render(network, make(), count=2, size=24, optimisation=SHORT)
    assert result.pictures.shape == (2, 3, 24, 24)
    assert (result.values > result.initial_values).all()


def test_a_channel_of_lucent_is_a_unit_everywhere(network):
    objective = unit(neurons(network, LAYER), 3, everywhere)
    unperturbed = random_affine(0, rotation=0, zoom=0)
    settings = {"count": 1, "size": 24, "transform": unperturbed, "optimisation": SHORT}
    assert torch.allclose(
        render(network, lucent.channel(LAYER, 3), **settings).pictures,
        render(network, objective, **settings).pictures,
        atol=1e-5,
    )


@pytest.mark.parametrize("make", [lambda: param.image(24, batch=2), lambda: param.image(24, batch=2, fft=False)])
def test_parameterisations_of_lucent_decide_count_and_size(network, make):
    torch.manual_seed(0)
    result = render(network, unit(neurons(network, LAYER), [1, 5]), parameterisation=make, optimisation=SHORT)
    assert result.pictures.shape == (2, 3, 24, 24)
    assert (result.values > result.initial_values).all()


def test_cppns_share_parameters_among_pictures(network):
    torch.manual_seed(0)
    make = partial(param.cppn, 24, num_hidden_channels=8, num_layers=3)
    result = render(network, unit(neurons(network, LAYER), 1), parameterisation=make, optimisation=SHORT)
    assert result.pictures.shape == (1, 3, 24, 24)
    assert (result.values > result.initial_values).all()


def test_lucent_renders_a_feature(module, network):
    sae = visae.TopK(width=12, k=2).build(8, torch.Generator().manual_seed(0))
    units = features(network, LAYER, sae)
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = render_vis(
            module,
            lucent_objective(units, 7),
            param_f=lambda: param.image(32),
            transforms=[],
            thresholds=(48,),
            preprocess=False,
            progress=False,
            show_image=False,
            fixed_image_size=32,
        )[-1]
    pictures = torch.cat([torch.from_numpy(picture).permute(0, 3, 1, 2), torch.full((1, 3, 32, 32), 0.5)])
    rendered, grey = units.pre_activations(network.maps(pictures, [LAYER])[LAYER])[:, 7, 4, 4]
    assert rendered > 3 * grey.abs()


def test_layers_that_an_objective_reads_are_detected(network):
    objective = from_lucent_objective(lucent.channel(LAYER, 1) + lucent.channel("0", 2), network, 2)
    assert objective.layers == {"0", LAYER}
    assert objective.group_size == 2


def test_bad_input_is_refused(network):
    with pytest.raises(VisaeError, match=r"no layer .*mixed9z"):
        render(network, lucent.channel("mixed9z", 1), size=24)
    with pytest.raises(VisaeError, match=r"not a parameterisation"):
        render(network, unit(neurons(network, LAYER), 0), parameterisation=lambda: 3)
    with pytest.raises(VisaeError, match=r"no unit 8.* 8 neurons"):
        lucent_objective(neurons(network, LAYER), 8)
