"""Gradient ascent: its settings, when it ends, and its precision."""

import pytest
import torch
from convnets import small_network

from visae._support.errors import VisaeError
from visae.featurevis import Optimisation, render
from visae.featurevis._gradient_ascent import _converged, precision
from visae.featurevis.objectives import unit
from visae.featurevis.transforms import random_affine
from visae.units import neurons


@pytest.mark.parametrize(
    ("setting", "value"), [("steps", 0), ("chunk", 0), ("tolerance", -1.0), ("rate", -0.1), ("rate", 0.0)]
)
def test_settings_out_of_range_are_refused(setting, value):
    with pytest.raises(VisaeError, match=rf"{setting} is {value}"):
        Optimisation(**{setting: value})


def test_a_chunk_ends_once_all_pictures_converged(monkeypatch):
    monkeypatch.setattr("visae.featurevis._gradient_ascent._PATIENCE", 8)
    network = small_network()
    objective, unperturbed = unit(neurons(network, "0"), [0, 1]), random_affine(0, rotation=0, zoom=0)
    full = render(network, objective, transform=unperturbed, optimisation=Optimisation(24, 0.2, tolerance=0.0))
    early = render(network, objective, transform=unperturbed, optimisation=Optimisation(24, 0.2, tolerance=2.0))
    assert full.history.shape == early.history.shape == (2, 24)
    assert not full.history.isnan().any()
    assert early.history.isnan().any(1).all()
    assert not early.history[:, :16].isnan().any()


def test_convergence_is_that_of_every_picture():
    flat, rising = torch.ones(200), torch.linspace(1, 2, 200)
    assert not _converged(list(torch.stack([flat, rising], 1)), 0.01)
    assert _converged(list(torch.stack([flat, flat], 1)), 0.01)
    assert _converged(list(torch.stack([flat, flat], 1))[:128], 0.01)
    assert not _converged(list(torch.stack([flat, flat], 1))[:127], 0.01)


@pytest.mark.filterwarnings("ignore:CUDA is not available")
def test_only_cuda_has_half_precision(monkeypatch):
    assert precision(torch.device("cpu")).__enter__() is None
    assert isinstance(precision(torch.device("cuda", 0)), torch.autocast)  # which warns where there is no CUDA
    # The same path on a CPU: the network in half precision, pictures and objective in single.
    monkeypatch.setattr("visae.featurevis._gradient_ascent.precision", lambda _: torch.autocast("cpu", torch.bfloat16))
    network = small_network()
    result = render(network, unit(neurons(network, "4"), [0, 1]), optimisation=Optimisation(12))
    assert result.pictures.dtype == result.values.dtype == torch.float32
    assert (result.values > result.initial_values).all()
