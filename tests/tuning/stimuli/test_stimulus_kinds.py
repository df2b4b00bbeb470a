import math

import pytest
import torch

from visae._support.errors import VisaeError
from visae.plots import plot_stimuli
from visae.tuning.stimuli import STIMULI, stimulus

REFUSED = [
    ("circle", {"radius": 0.0}, "circle: radius is 0; it must be above 0 px"),
    ("circle", {"radius": math.inf}, "circle: radius is inf; it must be above 0 px"),
    ("disc", {"radius": -3.0}, "radius is -3; it must be above 0 px"),
    ("line", {"width": math.nan}, "width is nan; it must be above 0 px"),
    ("arc", {"span": 400.0}, "span is 400; it must be at least 0 degrees and at most 360 degrees"),
    ("grating", {"wavelength": 1.5}, "wavelength is 1.5; it must be at least 2 px"),
    ("edge", {"contrast": 2.0}, "contrast is 2; it must be at least -1 and at most 1"),
    ("edge", {"orientation": math.inf}, "orientation is inf; it must be a finite number"),
    ("line", {"radius": 3.0}, "no parameter of line named 'radius'"),
    ("circle", {"radios": 3.0}, "no parameter of circle named 'radios'; the nearest are radius"),
    ("frequency_boundary", {"wavelength": 4.0, "ratio": 4.0}, "the finer wavelength is 1 px; .* at least 2 px"),
]


@pytest.mark.parametrize(("kind", "given", "words"), REFUSED)
def test_what_cannot_be_drawn_is_refused_in_one_line(kind, given, words):
    with pytest.raises(VisaeError, match=words):
        stimulus(kind).images({name: torch.tensor([value]) for name, value in given.items()}, 32, 15.5)


def test_one_bad_value_among_good_ones_is_found():
    with pytest.raises(VisaeError, match="radius is 0"):
        stimulus("disc").images({"radius": torch.tensor([3.0, 0.0])}, 32, 15.5)


def test_a_kind_that_does_not_exist_is_named():
    with pytest.raises(VisaeError, match="no stimulus named 'circel'; the nearest are circle"):
        stimulus("circel")


def test_what_has_no_end_may_be_endless():
    line = stimulus("line").images({"length": torch.tensor([math.inf])}, 32, 15.5)
    assert line.isfinite().all()


@pytest.mark.parametrize("kind", STIMULI)
def test_every_kind_draws_with_its_defaults(kind):
    images = stimulus(kind).images({"orientation": torch.tensor([0.0, 45.0])}, 32, 15.5)
    assert images.shape == (2, 3, 32, 32)
    assert images.dtype == torch.float32
    assert 0 <= images.min() < 0.3
    assert 0.7 < images.max() <= 1


def test_the_sheet_is_a_picture(tmp_path):
    plot_stimuli(tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
