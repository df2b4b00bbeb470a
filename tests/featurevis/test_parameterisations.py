"""Parameterisations: shapes, gradients, and what each guarantees of its pictures."""

import numpy as np
import pytest
import torch

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.featurevis.parameterisations import (
    DECORRELATED,
    RGB,
    Alpha,
    Bounded,
    ColourSpace,
    Fourier,
    Maco,
    Parameterisation,
    Pixels,
    Pyramid,
    default_parameterisation,
    measure_colours,
    natural_magnitude,
)
from visae.images import Leaves

SIZE = 13
FLAT = Maco(torch.ones(3, SIZE, SIZE // 2 + 1))
ALL = [Pixels(), Fourier(), Pyramid(), FLAT, Bounded(), Bounded(Fourier()), Alpha(), Alpha(Pixels())]


def initial(parameterisation, count=2, size=SIZE):
    single = [parameterisation.initial_parameters(size, generator(0, "start", stream)) for stream in range(count)]
    return [torch.stack(parts).requires_grad_() for parts in zip(*single, strict=True)]


@pytest.mark.parametrize("parameterisation", ALL, ids=lambda parameterisation: type(parameterisation).__name__)
def test_pictures_are_in_range_and_independent_and_depend_on_every_parameter(parameterisation):
    assert isinstance(parameterisation, Parameterisation)
    parameters = initial(parameterisation)
    pictures = parameterisation.pictures(parameters, SIZE)
    assert pictures.shape == (2, 4 if isinstance(parameterisation, Alpha) else 3, SIZE, SIZE)
    assert pictures.detach().min() >= 0
    assert pictures.detach().max() <= 1
    assert not torch.equal(pictures[0], pictures[1])
    alone = parameterisation.pictures([part[1:] for part in parameters], SIZE)
    assert torch.allclose(alone[0], pictures[1], atol=1e-6)
    gradients = torch.autograd.grad((pictures[0] * torch.rand(pictures[0].shape)).sum(), parameters)
    assert all(gradient[0].abs().sum() > 0 and gradient[1].abs().sum() == 0 for gradient in gradients)


@pytest.mark.parametrize("size", [8, 13, 64])
def test_fourier_against_numpy(size):
    parameterisation = Fourier(sd=1.0, colours=RGB)
    parameters = initial(parameterisation, 1, size)
    spectrum = parameters[0].detach().double().numpy()[0]
    fx, fy = np.fft.rfftfreq(size)[None], np.fft.fftfreq(size)[:, None]
    scaled = (spectrum[..., 0] + 1j * spectrum[..., 1]) / np.maximum(np.hypot(fx, fy), 1 / size)
    planes = np.fft.irfft2(scaled, s=(size, size), norm="ortho") / 4
    expected = 1 / (1 + np.exp(-planes))
    assert parameterisation.pictures(parameters, size)[0].detach().numpy() == pytest.approx(expected, abs=1e-5)


def test_maco_keeps_the_spectrum_for_any_phases():
    magnitude = torch.rand(3, SIZE, SIZE // 2 + 1, generator=torch.Generator().manual_seed(1)) * 0.5
    maco = Maco(magnitude)
    planes = DECORRELATED.from_rgb(maco.pictures(initial(maco), SIZE).detach())
    measured = torch.fft.rfft2(planes, norm="ortho").abs()
    # The first column holds conjugate pairs, which a real picture cannot have independently.
    assert torch.allclose(measured[..., 1:], magnitude[..., 1:].expand_as(measured[..., 1:]), atol=1e-3)


def test_natural_magnitude_is_a_mean_over_images_and_cached(tmp_path, monkeypatch):
    monkeypatch.setenv("VISAE_CACHE", str(tmp_path))
    images = Leaves(3, 32)
    magnitude = natural_magnitude(images, 32)
    pixels = torch.stack([images.read(index)[0] for index in range(3)]).double() / 255
    axes = DECORRELATED.from_rgb(pixels).numpy()
    expected = np.abs(np.fft.rfft2(axes, norm="ortho")).mean(0)
    assert magnitude.numpy() == pytest.approx(expected, abs=1e-3)
    (cached,) = (tmp_path / "spectra").iterdir()
    written = cached.stat().st_mtime_ns
    assert torch.equal(natural_magnitude(images, 32), magnitude)
    assert cached.stat().st_mtime_ns == written
    natural_magnitude(Leaves(3, 32, seed=1), 32)
    assert len(list((tmp_path / "spectra").iterdir())) == 2


def test_contrast_is_bounded_from_above_only():
    bounded = Bounded(Pixels(sd=5.0, colours=RGB), contrast=0.5)
    logits = bounded.pictures(initial(bounded), SIZE).detach().logit()
    assert logits.square().mean((1, 2, 3)).sqrt().tolist() == pytest.approx([0.5, 0.5], abs=1e-3)
    weak = Bounded(Pixels(colours=RGB))
    parameters = initial(weak)
    assert torch.allclose(weak.pictures(parameters, SIZE), Pixels(colours=RGB).pictures(parameters, SIZE), atol=1e-5)


def test_colours_round_trip():
    axes = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(DECORRELATED.from_rgb(DECORRELATED.to_rgb(axes)), axes, atol=1e-3)
    assert (DECORRELATED.to_rgb(torch.zeros(1, 3, 2, 2)) == 0.5).all()


def test_measured_axes_are_those_of_a_known_covariance():
    """For pixels that are independent steps along known axes, longest first."""
    draws = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(3, 3, generator=draws, dtype=torch.float64))[0] * torch.tensor([30.0, 15.0, 5.0])

    class Synthetic:
        name, size = "synthetic", 64

        def __len__(self):
            return 20

        def key(self, index):
            return str(index)

        def settings(self):
            return {"kind": "synthetic"}

        def read(self, index):
            steps = torch.randn(3, 64 * 64, generator=torch.Generator().manual_seed(index), dtype=torch.float64)
            return (axes @ steps + 128).round().clamp(0, 255).byte().view(3, 64, 64), "0"

    measured = torch.tensor(measure_colours(Synthetic()).mix, dtype=torch.float64)
    expected = axes / axes.norm(dim=0).max()
    expected = expected * torch.sign(expected[0])
    assert torch.allclose(measured, expected, atol=0.01)


def test_decorrelated_axes_resemble_those_of_lucid():
    """Grey, blue against orange, green against magenta, as in lucid's table from ImageNet."""
    mix = np.array(DECORRELATED.mix)
    lucid = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
    lengths = np.linalg.norm(mix, axis=0)
    assert lengths[0] == pytest.approx(1, abs=1e-3)
    assert (np.diff(lengths) < 0).all()
    cosines = (mix * lucid).sum(0) / lengths / np.linalg.norm(lucid, axis=0)
    assert (cosines > 0.98).all()


def test_a_spectrum_has_one_size():
    with pytest.raises(VisaeError, match=r"13 px.* 20 px"):
        FLAT.initial_parameters(20, torch.Generator())


def test_the_default_depends_on_the_receptive_field():
    assert isinstance(default_parameterisation(7), Bounded)
    assert isinstance(default_parameterisation(91), Fourier)


def test_colour_spaces_are_hashable():
    assert hash(DECORRELATED) == hash(ColourSpace(DECORRELATED.mix))
