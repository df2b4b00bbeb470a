"""Radial tuning curves: what each panel holds, and on which scale."""

from pathlib import Path

import numpy as np
import pytest
import torch

from visae._support.errors import VisaeError
from visae.plots import DecomposedTuning, plot_curves
from visae.plots import _tuning_curves as tuning_curves
from visae.plots._tuning_curves import population_tuning
from visae.tuning import Curves


def with_peaks(peaks, strengths=None, spread=15.0):
    """Curves of units whose tuning is a bump at one of `peaks`, `strengths` high."""
    degrees = torch.arange(72) * 5.0
    apart = (degrees - torch.tensor(peaks)[:, None] + 180).remainder(360) - 180
    bumps = torch.tensor(strengths or [1.0] * len(peaks))[:, None] * torch.exp(-apart.square() / (2 * spread**2))
    response = bumps[:, None, :].expand(-1, 3, -1).contiguous()
    radii, rivals = torch.tensor([5.0, 10.0, 20.0]), dict.fromkeys(("line", "edge", "angle"), torch.zeros(len(peaks)))
    return Curves("neurons", "made", "layer", "stroke", degrees, radii, response, rivals)


@pytest.mark.slow
@pytest.mark.parametrize("peaks", [[], [10.0], [0.0, 90.0, 200.0]])
def test_any_number_of_detectors_can_be_plotted(peaks, saved_figures):
    figures = saved_figures(tuning_curves)
    curves = with_peaks([*peaks, 5.0], [*[1.0] * len(peaks), 0.0])
    plot_curves([curves], Path("one.png"))
    plot_curves([curves, curves], Path("two.png"))
    assert [len(figure.axes) for figure in figures] == [2, 3]
    for figure in figures:
        figure.draw_without_rendering()


def test_the_file_is_written(tmp_path):
    plot_curves([with_peaks([10.0])], tmp_path / "new" / "curves.png")
    assert (tmp_path / "new" / "curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["curves.foo", "curves"])
def test_unknown_suffixes_are_refused(name, tmp_path):
    with pytest.raises(VisaeError, match=r"\.png"):
        plot_curves([with_peaks([0.0])], tmp_path / name)


def test_a_panel_holds_each_detector_on_its_own_scale():
    panel = population_tuning(with_peaks([0.0, 90.0], [5.0, 2.0]))
    assert panel.tuning.shape == (2, 72)
    assert np.allclose(panel.tuning.max(1), [5.0, 2.0])
    assert "2 of 2 neurons" in panel.title


def test_a_panel_without_detectors_holds_the_strongest_units():
    panel = population_tuning(with_peaks([0.0, 90.0], [1.0, 3.0], spread=70.0))
    assert "none of 2 neurons" in panel.title
    assert len(panel.preferred) == 0
    assert np.allclose(panel.tuning.max(1), [3.0, 1.0], rtol=0.1)


def test_parts_share_the_scale_of_their_unit(saved_figures):
    figures = saved_figures(tuning_curves)
    degrees = np.arange(0, 360, 45.0)
    tuning, parts = np.zeros(8), np.zeros((2, 8))
    tuning[2], parts[0, 2], parts[1, 5] = 4.0, 3.0, -1.0
    unit = DecomposedTuning("unit", degrees, tuning, parts, ["first", "second"])
    tuning_curves.plot_decomposed_tuning([unit] * 5, "title", Path("x.png"))
    assert len(figures[0].axes) == 5
    lines = {line.get_label(): line.get_ydata() for line in figures[0].axes[0].lines}
    assert lines["first"].tolist() == [0, 0, 0.75, 0, 0, 0, 0, 0, 0]
    # A radius cannot show negative contributions.
    assert lines["second"].max() == 0
    assert figures[0].axes[0].lines[0].get_ydata().max() == 1


def test_a_silent_unit_without_parts_can_be_plotted(saved_figures):
    figures = saved_figures(tuning_curves)
    silent = DecomposedTuning("silent", np.arange(0, 360, 45.0), np.zeros(8), np.zeros((0, 8)), [])
    tuning_curves.plot_decomposed_tuning([silent], "title", Path("x.png"))
    assert figures[0].axes[0].get_legend() is None
