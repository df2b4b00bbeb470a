import numpy as np
import pytest
import torch

from visae._support.errors import VisaeError
from visae.plots import plot_curves
from visae.plots._radial import curve_panel
from visae.tuning import Curves


def with_peaks(peaks, strengths=None, spread=15.0):
    """Curves whose tuning is a bump each: at `peaks`, of height `strengths`."""
    degrees = torch.arange(72) * 5.0
    apart = (degrees - torch.tensor(peaks)[:, None] + 180).remainder(360) - 180
    bumps = torch.tensor(strengths or [1.0] * len(peaks))[:, None] * torch.exp(-apart.square() / (2 * spread**2))
    response = bumps[:, None, :].expand(-1, 3, -1).contiguous()
    return Curves("neurons", "made", "layer", "stroke", degrees, torch.tensor([5.0, 10.0, 20.0]), response)


@pytest.mark.parametrize("peaks", [[], [10.0], [0.0, 90.0, 200.0]])
def test_plot_any_number_of_detectors(peaks, tmp_path):
    curves = with_peaks([*peaks, 5.0], [*[1.0] * len(peaks), 0.0])
    plot_curves([curves], tmp_path / "one.png")
    plot_curves([curves, curves], tmp_path / "new" / "two.png")
    for path in (tmp_path / "one.png", tmp_path / "new" / "two.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["curves.foo", "curves"])
def test_an_unknown_suffix_is_refused(name, tmp_path):
    with pytest.raises(VisaeError, match=r"\.png"):
        plot_curves([with_peaks([0.0])], tmp_path / name)


def test_panel_holds_each_detector_on_its_own_scale():
    panel = curve_panel(with_peaks([0.0, 90.0], [5.0, 2.0]))
    assert panel.tuning.shape == (2, 72)
    assert np.allclose(panel.tuning.max(1), [5.0, 2.0])
    assert "2 of 2 neurons" in panel.title


def test_panel_without_detectors_holds_the_strongest_units():
    panel = curve_panel(with_peaks([0.0, 90.0], [1.0, 3.0], spread=70.0))
    assert "none of 2 neurons" in panel.title
    assert len(panel.preferred) == 0
    assert np.allclose(panel.tuning.max(1), [3.0, 1.0], rtol=0.1)
