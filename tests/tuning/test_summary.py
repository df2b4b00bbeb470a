import json
import math

import numpy as np
import pytest
import torch

from visae.tuning import summary


def bump(centre, spread, count=720):
    apart = (np.arange(count) * 360 / count - centre + 180) % 360 - 180
    return torch.tensor(np.exp(-(apart**2) / (2 * spread**2)), dtype=torch.float32)


@pytest.mark.parametrize("centre", [0.0, 3.3, 179.9, 271.25, 359.5])
def test_circular_mean_of_a_bump_is_its_centre(centre):
    mean, length = summary.resultant(bump(centre, 15.0)[None])
    assert abs((mean.item() - centre + 180) % 360 - 180) < 0.01
    # A wrapped normal distribution has the resultant exp(-sigma^2 / 2).
    assert length.item() == pytest.approx(math.exp(-(math.radians(15) ** 2) / 2), abs=1e-4)


@pytest.mark.parametrize(
    ("tuning", "mean", "length"),
    [
        ([1.0, 1.0, 1.0, 1.0], None, 0.0),
        ([1.0, 0.0, 1.0, 0.0], None, 0.0),
        ([0.0, 2.0, 0.0, 0.0], 90.0, 1.0),
        ([1.0, 1.0, 0.0, 0.0], 45.0, math.sqrt(0.5)),
        ([0.0, 0.0, 0.0, 0.0], math.nan, 0.0),
    ],
)
def test_resultant_of_made_cases(tuning, mean, length):
    found_mean, found_length = summary.resultant(torch.tensor([tuning]))
    assert found_length.item() == pytest.approx(length, abs=1e-6)
    if mean is not None:
        assert found_mean.item() == pytest.approx(mean, abs=1e-4, nan_ok=True)


@pytest.mark.parametrize("spread", [8.0, 20.0, 40.0])
def test_width_of_a_bump(spread):
    assert summary.width(bump(123.0, spread, 72)[None]).item() == pytest.approx(2.3548 * spread, abs=1)


def test_width_at_the_extremes():
    flat, silent = torch.ones(72), torch.zeros(72)
    found = summary.width(torch.stack([flat, silent]))
    assert found[0] == 360
    assert found[1].isnan()


@pytest.mark.parametrize(("second", "expected"), [(180.0, 0.5), (150.0, 0.5), (209.0, 0.5), (120.0, 0.0), (240.0, 0.0)])
def test_echo_looks_opposite_the_peak_only(second, expected):
    tuning = bump(40.0, 3.0) + 0.5 * bump(40.0 + second, 3.0)
    assert summary.echo(tuning[None]).item() == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("preferred", "gap"),
    [([], 360.0), ([10.0], 360.0), ([0.0, 180.0], 180.0), ([350.0, 10.0, 100.0], 250.0), ([0.0, 90.0, 200.0], 160.0)],
)
def test_largest_gap_of_made_cases(preferred, gap):
    assert summary.largest_gap(torch.tensor(preferred)) == pytest.approx(gap)


def test_published_curves_give_the_published_figures(data):
    """Ten curve neurons of inception5h's mixed3b: circular mean, resultant, width and echo, from their 720 samples."""
    curves = json.loads((data / "facts/curve_tuning_mixed3b_full.json").read_text())["activations"]
    figures = json.loads((data / "facts/curve_tuning.json").read_text())["layers"]["mixed3b"]["stats"]
    tuning = torch.tensor([curves[neuron] for neuron in curves])
    mean, length = summary.resultant(tuning)
    found = {
        "circ_mean_deg": mean,
        "circ_R": length,
        "fwhm_deg": summary.width(tuning),
        "echo_ratio": summary.echo(tuning),
    }
    tolerance = {"circ_mean_deg": 0.06, "circ_R": 6e-4, "fwhm_deg": 0.6, "echo_ratio": 6e-4}
    for name, values in found.items():
        published = torch.tensor([figures[neuron][name] for neuron in curves])
        assert (values - published).abs().max() < tolerance[name], name
