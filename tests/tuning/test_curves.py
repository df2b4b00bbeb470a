import pytest
import torch

from visae._support.errors import VisaeError
from visae.tuning import Curves, load_curves


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
