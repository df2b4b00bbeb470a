"""Parameterisations: shapes, gradients, and what each promises of its pictures."""

import numpy as np
import pytest
import torch

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.featurevis.parameterisations import (
    MEASURED,
    RGB,
    Alpha,
    Bounded,
    Colours,
    Fourier,
    Maco,
    Parameterisation,
    Pixels,
    Pyramid,
    measure_colours,
    natural_magnitude,
    usual,
)
from visae.images import Leaves

SIZE = 13
FLAT = Maco(torch.ones(3, SIZE, SIZE // 2 + 1))
ALL = [Pixels(), Fourier(), Pyramid(), FLAT, Bounded(), Bounded(Fourier()), Alpha(), Alpha(Pixels())]


def parameters(of, count=2, size=SIZE):
    single = [of.start(size, generator(0, "start", place)) for place in range(count)]
    return [torch.stack(parts).requires_grad_() for parts in zip(*single, strict=True)]


@pytest.mark.parametrize("of", ALL, ids=lambda of: type(of).__name__)
def test_pictures_are_in_range_independent_and_reach_every_parameter(of):
    assert isinstance(of, Parameterisation)
    made = parameters(of)
    pictures = of.pictures(made, SIZE)
    assert pictures.shape == (2, 4 if isinstance(of, Alpha) else 3, SIZE, SIZE)
    assert pictures.detach().min() >= 0
    assert pictures.detach().max() <= 1
    assert not torch.equal(pictures[0], pictures[1])
    alone = of.pictures([part[1:] for part in made], SIZE)
    assert torch.allclose(alone[0], pictures[1], atol=1e-6)
    gradients = torch.autograd.grad((pictures[0] * torch.rand(pictures[0].shape)).sum(), made)
    assert all(gradient[0].abs().sum() > 0 and gradient[1].abs().sum() == 0 for gradient in gradients)


@pytest.mark.parametrize("size", [8, 13, 64])
def test_fourier_against_numpy(size):
    of = Fourier(sd=1.0, colours=RGB)
    made = parameters(of, 1, size)
    spectrum = made[0].detach().double().numpy()[0]
    fx, fy = np.fft.rfftfreq(size)[None], np.fft.fftfreq(size)[:, None]
    scaled = (spectrum[..., 0] + 1j * spectrum[..., 1]) / np.maximum(np.hypot(fx, fy), 1 / size)
    planes = np.fft.irfft2(scaled, s=(size, size), norm="ortho") / 4
    expected = 1 / (1 + np.exp(-planes))
    assert of.pictures(made, size)[0].detach().numpy() == pytest.approx(expected, abs=1e-5)


def test_maco_keeps_the_spectrum_whatever_the_phases():
    magnitude = torch.rand(3, SIZE, SIZE // 2 + 1, generator=torch.Generator().manual_seed(1)) * 0.5
    of = Maco(magnitude)
    planes = MEASURED.from_rgb(of.pictures(parameters(of), SIZE).detach())
    found = torch.fft.rfft2(planes, norm="ortho").abs()
    # The first column holds conjugate pairs, which a real picture cannot have apart.
    assert torch.allclose(found[..., 1:], magnitude[..., 1:].expand_as(found[..., 1:]), atol=1e-3)


def test_the_natural_magnitude_is_the_mean_over_images_and_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("VISAE_CACHE", str(tmp_path))
    images = Leaves(5, 32)
    found = natural_magnitude(images, 32)
    pixels = torch.stack([images.read(place)[0] for place in range(5)]).double() / 255
    axes = MEASURED.from_rgb(pixels).numpy()
    expected = np.abs(np.fft.rfft2(axes, norm="ortho")).mean(0)
    assert found.numpy() == pytest.approx(expected, abs=1e-3)
    (kept,) = (tmp_path / "spectra").iterdir()
    written = kept.stat().st_mtime_ns
    assert torch.equal(natural_magnitude(images, 32), found)
    assert kept.stat().st_mtime_ns == written
    natural_magnitude(Leaves(5, 32, seed=1), 32)
    assert len(list((tmp_path / "spectra").iterdir())) == 2


def test_a_bounded_picture_is_weakened_and_a_weak_one_is_left():
    of = Bounded(Pixels(sd=5.0, colours=RGB), contrast=0.5)
    strong = of.pictures(parameters(of), SIZE).detach().logit()
    assert strong.square().mean((1, 2, 3)).sqrt().tolist() == pytest.approx([0.5, 0.5], abs=1e-3)
    weak = Bounded(Pixels(colours=RGB))
    made = parameters(weak)
    assert torch.allclose(weak.pictures(made, SIZE), Pixels(colours=RGB).pictures(made, SIZE), atol=1e-5)


def test_colours_go_there_and_back():
    axes = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(MEASURED.from_rgb(MEASURED.to_rgb(axes)), axes, atol=1e-3)
    assert (MEASURED.to_rgb(torch.zeros(1, 3, 2, 2)) == 0.5).all()


def test_the_axes_of_images_whose_covariance_is_known():
    """Pixels of mean m plus independent steps along known axes have those axes back, longest first."""
    draw = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(3, 3, generator=draw, dtype=torch.float64))[0] * torch.tensor([30.0, 15.0, 5.0])

    class Made:
        name, size = "made", 64

        def __len__(self):
            return 20

        def key(self, index):
            return str(index)

        def settings(self):
            return {"kind": "made"}

        def read(self, index):
            steps = torch.randn(3, 64 * 64, generator=torch.Generator().manual_seed(index), dtype=torch.float64)
            return (axes @ steps + 128).round().clamp(0, 255).byte().view(3, 64, 64), "0"

    found = torch.tensor(measure_colours(Made()).mix, dtype=torch.float64)
    expected = axes / axes.norm(dim=0).max()
    expected = expected * torch.sign(expected[0])
    assert torch.allclose(found, expected, atol=0.01)


def test_the_measured_axes_are_those_of_natural_images():
    """Grey, blue against orange, green against magenta, as in lucid's table from ImageNet."""
    of = np.array(MEASURED.mix)
    lucid = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
    lengths = np.linalg.norm(of, axis=0)
    assert lengths[0] == pytest.approx(1, abs=1e-3)
    assert (np.diff(lengths) < 0).all()
    cosines = (of * lucid).sum(0) / lengths / np.linalg.norm(lucid, axis=0)
    assert (cosines > 0.98).all()


def test_a_spectrum_is_of_one_size():
    with pytest.raises(VisaeError, match="images of 13 px, the picture is of 20 px"):
        FLAT.start(20, torch.Generator())


def test_what_is_usual():
    assert isinstance(usual(7), Bounded)
    assert isinstance(usual(91), Fourier)


def test_colours_are_frozen():
    assert hash(MEASURED) == hash(Colours(MEASURED.mix))
