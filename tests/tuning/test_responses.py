import math

import pytest
import torch

from visae._support.errors import VisaeError
from visae.tuning import Responses, load_responses


def made():
    """Two units, two radii, three orientations."""
    values = torch.tensor([[[1.0, -4, 0], [3, 2, 0]], [[0, 0, 7], [0, 8, 0]]])
    axes = {"radius": torch.tensor([5.0, 10.0]), "orientation": torch.tensor([0.0, 120.0, 240.0])}
    return Responses("neurons", "made", "layer", "circle", axes, values, {"width": 3.0})


def test_tuning_is_the_mean_over_the_other_axes_of_what_is_positive():
    assert made().tuning().tolist() == [[2, 1, 0], [0, 4, 3.5]]
    expected = torch.tensor([[1 / 3, 5 / 3], [7 / 3, 8 / 3]])
    torch.testing.assert_close(made().tuning("radius"), expected)


def test_the_peak_is_over_all_axes():
    assert made().peak().tolist() == [3, 8]


def test_one_axis_alone_is_its_own_tuning():
    found = Responses(
        "features", "n", "l", "line", {"orientation": torch.tensor([0.0, 90.0])}, torch.tensor([[1.0, -1]])
    )
    assert found.tuning().tolist() == [[1, 0]]
    assert found.period == 180
    assert made().period == 360


def test_an_axis_that_was_not_swept_is_named():
    with pytest.raises(VisaeError, match="circle was not swept over 'width', only over radius, orientation"):
        made().tuning("width")


def test_saved_responses_come_back(tmp_path):
    found = made()
    found.save(tmp_path / "r.safetensors")
    back = load_responses(tmp_path / "r.safetensors")
    assert (back.kind, back.network, back.layer, back.stimulus) == ("neurons", "made", "layer", "circle")
    assert back.fixed == {"width": 3.0}
    assert list(back.axes) == ["radius", "orientation"]
    assert torch.equal(back.values, found.values)
    assert all(torch.equal(back.axes[name], values) for name, values in found.axes.items())
    assert not math.isnan(back.peak()[0].item())
