import math

import pytest
import torch

from visae import cli
from visae._support.errors import VisaeError
from visae.plots import plot_stimuli
from visae.tuning import sweep
from visae.tuning.stimuli import STIMULI, LogSpaced, Parameter, register_stimulus, stimulus, stroke
from visae.units import neurons

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
    ("frequency_boundary", {"wavelength": 5.0}, "the finer wavelength is 1.66667 px; .* at least 2 px"),
]


@pytest.mark.parametrize(("kind", "values", "words"), REFUSED)
def test_values_that_are_not_allowed_are_refused(kind, values, words):
    with pytest.raises(VisaeError, match=words):
        stimulus(kind).images({name: torch.tensor([value]) for name, value in values.items()}, 32, 15.5)


def test_one_bad_value_among_good_ones_is_refused():
    with pytest.raises(VisaeError, match="radius is 0"):
        stimulus("disc").images({"radius": torch.tensor([3.0, 0.0])}, 32, 15.5)


def test_unknown_kinds_are_refused_with_the_nearest():
    with pytest.raises(VisaeError, match="no stimulus named 'circel'; the nearest are circle"):
        stimulus("circel")


def test_infinity_is_allowed_where_it_is_the_default():
    line = stimulus("line").images({"length": torch.tensor([math.inf])}, 32, 15.5)
    assert line.isfinite().all()


@pytest.mark.parametrize("kind", STIMULI)
def test_every_kind_draws_with_its_defaults(kind):
    images = stimulus(kind).images({"orientation": torch.tensor([0.0, 45.0])}, 32, 15.5)
    assert images.shape == (2, 3, 32, 32)
    assert images.dtype == torch.float32
    assert 0 <= images.min() < 0.3
    assert 0.7 < images.max() <= 1


def test_log_spaced_lengths_scale_with_the_receptive_field():
    assert LogSpaced(0.1, 10.0).values(20, 3).tolist() == pytest.approx([2, 20, 200])


@pytest.mark.slow
def test_the_sheet_is_a_picture(tmp_path):
    plot_stimuli(tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


DIRECTION = Parameter(0.0, "degrees", period=180.0)
SPACING = Parameter(6.0, low=2.0, sweep=(4.0, 8.0), sheet=(10.0,))


@pytest.fixture
def registry():
    """The registry, restored after the test."""
    before = dict(STIMULI)
    yield STIMULI
    STIMULI.clear()
    STIMULI.update(before)


@pytest.fixture
def twin_lines(registry):
    """A kind that a user registers: two parallel lines."""
    assert "twin_lines" not in registry

    @register_stimulus(-1.0, orientation=DIRECTION, spacing=SPACING)
    def twin_lines(grid, orientation, spacing):
        along, _ = grid.rotated(orientation)
        return stroke(along.abs() - spacing / 2, torch.full_like(spacing, 2.0))

    return twin_lines


def test_a_registered_kind_is_drawn(twin_lines):
    assert stimulus("twin_lines").draw is twin_lines
    ink = 1 - stimulus("twin_lines").images({"spacing": torch.tensor([8.0])}, 33, 16.0)[0, 0, 16]
    assert ink.nonzero().flatten().tolist() == [11, 12, 13, 19, 20, 21]
    with pytest.raises(VisaeError, match="twin_lines: spacing is 1; it must be at least 2 px"):
        stimulus("twin_lines").images({"spacing": torch.tensor([1.0])}, 33, 16.0)
    with pytest.raises(VisaeError, match="nearest are twin_lines"):
        stimulus("twin_line")


@pytest.mark.usefixtures("twin_lines")
def test_a_registered_kind_is_swept(network):
    responses = sweep([neurons(network, "mixed")], "twin_lines")[0]
    assert list(responses.axes) == ["spacing", "orientation"]
    assert responses.values.shape == (48, 2, 36)
    assert responses.tuning().max() > 0


@pytest.mark.usefixtures("twin_lines")
def test_a_registered_kind_is_listed_and_on_the_sheet(registry, tmp_path, capsys):
    for name in [name for name in registry if name not in ("edge", "twin_lines")]:
        del registry[name]
    cli.main(["stimuli"])
    listed = capsys.readouterr().out.splitlines()
    assert any(line.split()[:3] == ["twin_lines", "spacing", "6"] for line in listed)
    plot_stimuli(tmp_path / "sheet.svg")
    sheet = (tmp_path / "sheet.svg").read_text()
    assert "spacing 10" in sheet


def test_registering_the_same_function_again_replaces_it(registry):
    for spacing in (5.0, 7.0):

        @register_stimulus(-1.0, orientation=DIRECTION, spacing=Parameter(spacing))
        def stripes(grid, orientation, spacing):
            return grid.rotated(orientation)[0] / spacing

    assert registry["stripes"].parameters["spacing"].default == 7


def test_unsound_kinds_are_refused(registry):
    def refuse(words, draw, **parameters):
        with pytest.raises(VisaeError, match=words):
            register_stimulus(1.0, **parameters)(draw)

    def circle(grid, orientation):
        return grid.rotated(orientation)[0]

    def stripes(grid, orientation, spacing):
        return grid.rotated(orientation)[0] / spacing

    refuse("there is a stimulus named 'circle'", circle, orientation=DIRECTION)
    refuse("'stripes' has no parameter 'orientation'", stripes, spacing=SPACING)
    refuse("registered with orientation, but its function takes orientation, spacing", stripes, orientation=DIRECTION)
    bad = Parameter(6.0, low=2.0, sweep=(1.0, 8.0))
    refuse("stripes: spacing is 1; it must be at least 2 px", stripes, orientation=DIRECTION, spacing=bad)
    bad = Parameter(6.0, high=7.0, sheet=(9.0,))
    refuse("stripes: spacing is 9; it must be at most 7 px", stripes, orientation=DIRECTION, spacing=bad)
    assert "stripes" not in registry
