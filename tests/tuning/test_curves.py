import numpy as np
import pytest
import torch

from visae.errors import VisaeError
from visae.tuning import Curves, load_curves, plot_curves


def made(peaks, strengths=None, spread=15.0, echoes=None):
    """Curves whose tuning is a bump each: at `peaks`, of height `strengths`, with an echo opposite."""
    degrees = torch.arange(72) * 5.0
    strengths = strengths or [1.0] * len(peaks)
    echoes = echoes or [0.0] * len(peaks)

    def bump(centre):
        return torch.exp(-(((degrees - centre + 180).remainder(360) - 180) ** 2) / (2 * spread**2))

    rows = [s * (bump(p) + e * bump(p + 180)) for p, s, e in zip(peaks, strengths, echoes, strict=True)]
    response = torch.stack(rows)[:, None, :].expand(-1, 3, -1).contiguous()
    return Curves("neurons", "made", "layer", "stroke", degrees, torch.tensor([5.0, 10.0, 20.0]), response)


def test_detectors_are_sharp_strong_and_without_echo():
    found = made([0.0, 90.0, 180.0], [1.0, 0.05, 0.5], echoes=[0.0, 0.0, 0.2])
    assert found.detectors.tolist() == [True, False, False]
    assert not made([0.0, 90.0], spread=60.0).detectors.any()
    assert found.count == 1
    assert found.max_gap == 360.0


def test_silent_units_are_no_detectors():
    found = made([0.0, 90.0], [1.0, 0.0])
    assert found.detectors.tolist() == [True, False]
    assert found.preferred[1].isnan()


def test_tuning_is_the_mean_over_radii_of_what_is_positive():
    response = torch.tensor([[[1.0, -4.0], [3.0, 2.0]]])
    found = Curves("neurons", "n", "l", "stroke", torch.tensor([0.0, 180.0]), torch.tensor([1.0, 2.0]), response)
    assert found.tuning.tolist() == [[2.0, 1.0]]


def test_gap_is_that_of_the_detectors_alone():
    found = made([0.0, 60.0, 120.0, 180.0, 300.0], [1.0, 1.0, 1.0, 1.0, 0.01])
    assert found.max_gap == pytest.approx(180.0, abs=0.1)


def test_saved_curves_come_back(tmp_path):
    found = made([0.0, 60.0])
    found.save(tmp_path / "found.safetensors")
    again = load_curves(tmp_path / "found.safetensors")
    assert torch.equal(again.response, found.response)
    assert (again.kind, again.network, again.layer, again.stimulus) == ("neurons", "made", "layer", "stroke")
    with pytest.raises(VisaeError, match="does not exist"):
        load_curves(tmp_path / "other.safetensors")


@pytest.mark.parametrize("peaks", [[], [10.0], [0.0, 90.0, 200.0]])
def test_plot_of_any_number_of_detectors(peaks, tmp_path):
    strengths = [1.0] * len(peaks)
    found = made([*peaks, 5.0], [*strengths, 0.0])
    found.plot(tmp_path / "one.png")
    plot_curves([found, found], tmp_path / "new" / "two.png")
    for path in (tmp_path / "one.png", tmp_path / "new" / "two.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["curves.foo", "curves"])
def test_a_plot_of_no_known_kind_is_refused(name, tmp_path):
    with pytest.raises(VisaeError, match=r"name a \.png"):
        made([0.0]).plot(tmp_path / name)


def test_plot_shows_each_tuning_curve_over_its_own_peak():
    panel = made([0.0, 90.0], [5.0, 2.0]).panel()
    assert panel.tuning.shape == (2, 72)
    assert np.allclose(panel.tuning.max(1), [5.0, 2.0])
    assert "2 of 2 neurons" in panel.title


def test_plot_without_detectors_shows_the_strongest_units():
    panel = made([0.0, 90.0], [1.0, 3.0], spread=70.0).panel()
    assert "none of 2 neurons" in panel.title
    assert len(panel.preferred) == 0
    assert np.allclose(panel.tuning.max(1), [3.0, 1.0], rtol=0.1)
