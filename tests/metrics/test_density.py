import math

import numpy as np
import pytest
import torch

from visae.metrics import density_histogram, effective_features, frequent_fraction


def densities(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_the_histogram_equals_numpys():
    density = torch.rand(200, generator=torch.Generator().manual_seed(0)).double() ** 6
    density[:17] = 0
    histogram = density_histogram(density)
    assert histogram.never == 17
    counts, _ = np.histogram(np.log10(density[17:].numpy()), histogram.edges.numpy())
    assert histogram.counts.tolist() == counts.tolist()
    assert histogram.counts.sum() == 183
    assert histogram.edges.diff().tolist() == pytest.approx([0.25] * len(histogram.counts))


def test_the_histogram_ends_at_one_and_starts_at_the_decade_of_the_rarest():
    histogram = density_histogram(densities(1, 1, 0.5, 0.02, 0))
    assert (histogram.never, histogram.edges[0], histogram.edges[-1]) == (1, -2, 0)
    assert histogram.counts.tolist() == [0, 1, 0, 0, 0, 0, 1, 2]
    silent = density_histogram(densities(0, 0))
    assert (silent.never, silent.counts.sum()) == (2, 0)


def test_frequent_features_fire_on_more_than_one_of_a_thousand_rows():
    density = densities(0, 0.001, 0.0011, 0.5)
    assert frequent_fraction(density) == 0.5
    assert frequent_fraction(density, 0.1) == 0.25


@pytest.mark.parametrize(
    ("density", "expected"),
    [
        ([0.2] * 5, 5),
        ([0.2] * 5 + [0] * 7, 5),
        ([1.0], 1),
        ([0.5, 0.25, 0.25], 2**1.5),
        ([1.0, 1e-12], 1),
    ],
)
def test_the_effective_number_of_features(density, expected):
    assert effective_features(densities(*density)) == pytest.approx(expected)
    assert effective_features(densities(*density) / 10) == pytest.approx(expected)


def test_silent_dictionaries_have_no_effective_number():
    assert math.isnan(effective_features(densities(0, 0)))
