from pathlib import Path

import pytest
import torch

import visae
from visae._support.errors import VisaeError
from visae.tuning import Responses, load_responses, sweep

STORED = Path(__file__).parent / "stored"


def small_responses():
    """Two units, two radii, three orientations."""
    values = torch.tensor([[[1.0, -4, 0], [3, 2, 0]], [[0, 0, 7], [0, 8, 0]]])
    axes = {"radius": torch.tensor([5.0, 10.0]), "orientation": torch.tensor([0.0, 120.0, 240.0])}
    return Responses("neurons", "network", "layer", "circle", axes, values, {"width": 3.0})


def test_tuning_is_the_mean_of_positive_responses_over_the_other_axes():
    assert small_responses().tuning().tolist() == [[2, 1, 0], [0, 4, 3.5]]
    expected = torch.tensor([[1 / 3, 5 / 3], [7 / 3, 8 / 3]])
    torch.testing.assert_close(small_responses().tuning("radius"), expected)


def test_the_peak_is_over_all_axes():
    assert small_responses().peak().tolist() == [3, 8]


def test_a_single_axis_is_its_own_tuning():
    axes = {"orientation": torch.tensor([0.0, 90.0])}
    responses = Responses("features", "n", "l", "line", axes, torch.tensor([[1.0, -1]]))
    assert responses.tuning().tolist() == [[1, 0]]
    assert responses.period == 180
    assert small_responses().period == 360


def test_an_axis_that_was_not_swept_is_named():
    with pytest.raises(VisaeError, match="circle was not swept over 'width', only over radius, orientation"):
        small_responses().tuning("width")


def test_saved_responses_are_loaded(tmp_path):
    responses = small_responses()
    responses.save(tmp_path / "r.safetensors")
    loaded = load_responses(tmp_path / "r.safetensors")
    assert (loaded.kind, loaded.network, loaded.layer, loaded.stimulus) == ("neurons", "network", "layer", "circle")
    assert loaded.fixed == {"width": 3.0}
    assert list(loaded.axes) == ["radius", "orientation"]
    assert torch.equal(loaded.values, responses.values)
    assert all(torch.equal(loaded.axes[name], values) for name, values in responses.axes.items())


def test_responses_of_schema_1_are_loaded(network):
    loaded = load_responses(STORED / "responses-1.safetensors")
    assert (loaded.kind, loaded.network, loaded.layer, loaded.stimulus) == ("neurons", "planted", "mixed", "angle")
    assert loaded.fixed == {"width": 3.0}
    assert {name: values.tolist() for name, values in loaded.axes.items()} == {
        "opening": [60, 120],
        "orientation": [45.0 * i for i in range(8)],
    }
    swept = sweep([visae.neurons(network, "mixed")], "angle", loaded.axes, loaded.fixed)[0]
    torch.testing.assert_close(loaded.values, swept.values)
