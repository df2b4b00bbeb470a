import json
import math

import numpy as np
import pytest
import torch

from visae.tuning._tuning_statistics import (
    angular_distance,
    echo,
    edge_polarity,
    harmonic_fractions,
    largest_gap,
    michelson_contrast,
    peak_orientation,
    preferred_orientation,
    preferred_radius,
    resultant,
    tuning_width,
)


def bump(centre, spread, count=720):
    distance = (np.arange(count) * 360 / count - centre + 180) % 360 - 180
    return torch.tensor(np.exp(-(distance**2) / (2 * spread**2)), dtype=torch.float32)


@pytest.mark.parametrize("centre", [0.0, 3.3, 179.9, 271.25, 359.5])
def test_circular_mean_of_a_bump_is_its_centre(centre):
    mean, length = resultant(bump(centre, 15.0)[None])
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
def test_resultant_of_known_cases(tuning, mean, length):
    computed_mean, computed_length = resultant(torch.tensor([tuning]))
    assert computed_length.item() == pytest.approx(length, abs=1e-6)
    if mean is not None:
        assert computed_mean.item() == pytest.approx(mean, abs=1e-4, nan_ok=True)


@pytest.mark.parametrize("spread", [8.0, 20.0, 40.0])
def test_width_of_a_bump(spread):
    assert tuning_width(bump(123.0, spread, 72)[None]).item() == pytest.approx(2.3548 * spread, abs=1)


def test_width_at_the_extremes():
    flat, silent = torch.ones(72), torch.zeros(72)
    widths = tuning_width(torch.stack([flat, silent]))
    assert widths[0] == 360
    assert widths[1].isnan()


@pytest.mark.parametrize(("second", "expected"), [(180.0, 0.5), (150.0, 0.5), (209.0, 0.5), (120.0, 0.0), (240.0, 0.0)])
def test_echo_is_measured_opposite_the_peak_only(second, expected):
    tuning = bump(40.0, 3.0) + 0.5 * bump(40.0 + second, 3.0)
    assert echo(tuning[None]).item() == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("preferred", "gap"),
    [([], 360.0), ([10.0], 360.0), ([0.0, 180.0], 180.0), ([350.0, 10.0, 100.0], 250.0), ([0.0, 90.0, 200.0], 160.0)],
)
def test_largest_gap_of_known_cases(preferred, gap):
    assert largest_gap(torch.tensor(preferred)) == pytest.approx(gap)


def test_published_curves_give_the_published_statistics(data):
    """Ten curve neurons of inception5h's mixed3b: circular mean, resultant, width and echo, from their 720 samples."""
    curves = json.loads((data / "facts/curve_tuning_mixed3b_full.json").read_text())["activations"]
    published = json.loads((data / "facts/curve_tuning.json").read_text())["layers"]["mixed3b"]["stats"]
    tuning = torch.tensor([curves[neuron] for neuron in curves])
    mean, length = resultant(tuning)
    statistics = {
        "circ_mean_deg": mean,
        "circ_R": length,
        "fwhm_deg": tuning_width(tuning),
        "echo_ratio": echo(tuning),
    }
    tolerance = {"circ_mean_deg": 0.06, "circ_R": 6e-4, "fwhm_deg": 0.6, "echo_ratio": 6e-4}
    for name, values in statistics.items():
        expected = torch.tensor([published[neuron][name] for neuron in curves])
        assert (values - expected).abs().max() < tolerance[name], name


def test_a_period_of_180_maps_to_the_full_circle():
    lines = bump(240.0, 30.0, 36)[None]  # 36 steps of 5 degrees over 180: the bump is at 120, half as wide
    mean, length = resultant(lines, 180.0)
    assert mean.item() == pytest.approx(120.0, abs=1e-3)
    assert length.item() == pytest.approx(resultant(lines)[1].item())
    assert peak_orientation(lines, 180.0).item() == 120.0
    assert tuning_width(lines, 180.0).item() == pytest.approx(2.3548 * 15, abs=1)
    assert largest_gap(torch.tensor([10.0, 100.0, 170.0]), 180.0) == pytest.approx(90.0)


def test_responses_far_from_the_peak_do_not_move_the_preferred_orientation():
    alone, disturbed = bump(100.0, 12.0, 72), bump(100.0, 12.0, 72) + 0.3 * bump(220.0, 20.0, 72)
    preferred = preferred_orientation(torch.stack([alone, disturbed, torch.zeros(72)]))
    assert preferred[:2].tolist() == pytest.approx([100, 100], abs=0.1)
    assert preferred[2].isnan()
    assert abs(resultant(disturbed[None])[0].item() - 100) > 10


def test_peak_is_the_orientation_of_the_largest_sample():
    peaks = peak_orientation(torch.stack([bump(271.0, 9.0), torch.zeros(720)]))
    assert peaks[0] == 271.0
    assert peaks[1].isnan()


def slow_fractions(curve, harmonics):
    """Projections on cosines and sines, by sums."""
    angle = 2 * np.pi * np.arange(len(curve)) / len(curve)
    variance = ((curve - curve.mean()) ** 2).mean()
    fractions = []
    for k in range(1, harmonics + 1):
        a, b = (2 * (curve * wave(k * angle)).mean() for wave in (np.cos, np.sin))
        fractions.append((a**2 + b**2) / 2 / variance)
    return fractions


def test_harmonic_fractions_are_those_of_the_variance():
    angle = torch.arange(72) * 2 * math.pi / 72
    cosines = 3 + 2 * torch.cos(angle - 1) + torch.sin(2 * angle)
    fractions = harmonic_fractions(torch.stack([cosines, torch.ones(72), torch.zeros(72)]))
    assert fractions[0].tolist() == pytest.approx([0.8, 0.2, 0, 0, 0, 0], abs=1e-6)
    assert fractions[1:].isnan().all()
    noise = np.random.default_rng(0).random(72)
    assert harmonic_fractions(torch.tensor(noise)[None])[0].tolist() == pytest.approx(slow_fractions(noise, 6))
    everything = harmonic_fractions(torch.tensor(noise)[None], 36)
    assert everything.sum().item() == pytest.approx(1)


def test_published_curves_give_the_published_harmonics(data):
    """47.7 28.9 13.2 5.4 2.2 1.0 %, of mixed3b's ten curve neurons together."""
    curves = json.loads((data / "facts/curve_tuning_mixed3b_full.json").read_text())["activations"]
    tuning = torch.tensor([curves[neuron] for neuron in curves])
    fractions = harmonic_fractions(tuning).double()
    variance = tuning.double().var(1)
    pooled = (fractions * variance[:, None]).sum(0) / variance.sum()
    means = fractions.mean(0)
    published = torch.tensor([47.7, 28.9, 13.2, 5.4, 2.2, 1.0], dtype=torch.float64) / 100
    assert min((computed - published).abs().max().item() for computed in (pooled, means)) < 6e-4


@pytest.mark.parametrize(
    ("first", "second", "expected"), [(3.0, 1.0, 0.5), (1.0, 3.0, -0.5), (2.0, -5.0, 1.0), (0.0, 0.0, math.nan)]
)
def test_contrast_of_two_responses(first, second, expected):
    contrast = michelson_contrast(torch.tensor([first]), torch.tensor([second])).item()
    assert contrast == pytest.approx(expected, nan_ok=True)


def test_polarity_compares_an_edge_with_itself_reversed():
    one_way, both = bump(30.0, 10.0, 72), bump(30.0, 10.0, 72) + bump(210.0, 10.0, 72)
    weaker = bump(30.0, 10.0, 72) + bump(210.0, 10.0, 72) / 3
    polarity = edge_polarity(torch.stack([one_way, both, weaker, torch.zeros(72)]))
    assert polarity.tolist() == pytest.approx([1, 0, 0.5, math.nan], abs=1e-6, nan_ok=True)


def test_preferred_radius_is_a_geometric_mean():
    radii = torch.tensor([5.0, 10.0, 20.0])
    by_radius = torch.tensor([[0.0, 1, 0], [1, 0, 1], [-4, 0, 2], [0, 0, 0]])
    preferred = preferred_radius(by_radius, radii)
    assert preferred.tolist() == pytest.approx([10, 10, 20, math.nan], nan_ok=True)


def test_units_without_an_orientation_are_ignored_by_gaps():
    assert largest_gap(torch.tensor([0.0, math.nan, 180.0])) == pytest.approx(180)


@pytest.mark.parametrize(
    ("peak", "second", "period"), [(20, 200, 360), (90, 270, 360), (355, 175, 360), (10, 100, 180)]
)
def test_a_second_lobe_does_not_move_the_preferred_orientation(peak, second, period):
    degrees = torch.arange(72) * (period / 72)

    def lobe(centre):
        distance = (degrees - centre + period / 2).remainder(period) - period / 2
        return torch.exp(-(distance**2) / (2 * (period / 24) ** 2))

    preferred = preferred_orientation((1.001 * lobe(peak) + lobe(second))[None], period)
    assert angular_distance(preferred, float(peak), period).item() < 0.01
    # A tuning curve that never falls to half its peak is a single lobe.
    flat = preferred_orientation((1 + 0.2 * lobe(peak))[None], period)
    assert angular_distance(flat, float(peak), period).item() < 0.1


def test_angular_distance_is_that_on_the_circle():
    first, second = torch.tensor([350.0, 10.0, 90.0]), torch.tensor([10.0, 350.0, 270.0])
    assert angular_distance(first, second).tolist() == [20, 20, 180]
    assert angular_distance(first, 5.0, 180.0).tolist() == [15, 5, 85]
    assert angular_distance(first[:, None], second[None]).shape == (3, 3)


def test_published_maps_over_radius_are_those_of_the_published_curves(data):
    """Orientation x radius maps, recovered from a figure; their means over radii have the statistics of the curves."""
    maps = json.loads((data / "facts/curve_heatmap_mixed3b_sigma.json").read_text())["values"]
    curves = json.loads((data / "facts/curve_tuning_mixed3b_full.json").read_text())["activations"]
    radii = torch.logspace(np.log10(0.29), np.log10(7.05), 16).flip(0)
    for neuron, values in maps.items():
        # Columns are at 182.5, 187.5, ... degrees: roll them to begin at 2.5.
        by_radius = torch.tensor(values).roll(-36, 1)
        full = torch.tensor(curves[neuron]).reshape(72, 10).mean(1)
        assert torch.corrcoef(torch.stack([by_radius.mean(0), full]))[0, 1] > 0.999
        mean, selectivity = resultant(torch.stack([by_radius.mean(0), full]))
        assert angular_distance(mean[0], mean[1]).item() < 1
        assert selectivity[0].item() == pytest.approx(selectivity[1].item(), abs=0.01)
        # The published rows of the peaks: 0.37 to 0.55 of the panel, between which the radii in icon widths are these.
        best = radii[by_radius.amax(1).argmax()].item()
        assert 1.0 < best < 2.3
        assert 0.29 < preferred_radius(by_radius.mean(1)[None], radii).item() < 7.05


def test_published_line_detectors_are_selective_on_half_a_circle(data):
    published = json.loads((data / "facts/line_tuning_mixed3a.json").read_text())
    lines = [str(neuron) for neuron in published["families"]["Lines"]]
    # Two degrees a sample, over 180 degrees of orientation.
    tuning = torch.tensor([published["curve_2deg"][neuron] for neuron in lines])
    assert tuning.shape[1] == 90
    selectivity = resultant(tuning, 180.0)[1]
    peaks = torch.tensor([published["peak"][neuron][0] for neuron in lines])
    # The published peaks are those of samples four times as fine; some tops are flat, and some lobes lean.
    assert angular_distance(peak_orientation(tuning, 180.0), peaks, 180.0).median() <= 2
    assert angular_distance(preferred_orientation(tuning, 180.0), peaks, 180.0).max() < 15
    every = torch.tensor(list(published["curve_2deg"].values()))
    others = resultant(every, 180.0)[1]
    assert selectivity.median() > others[others > 0].median() + 0.2
