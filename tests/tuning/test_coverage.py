import math

import numpy as np
import pytest
import torch
from batteries import made

import visae
from visae._support.errors import VisaeError
from visae.tuning import (
    Battery,
    Responses,
    coverage,
    coverages_over_criteria,
    families,
    grid_metrics,
    natural_deviation,
)
from visae.units import Units


def curves(centres, heights):
    """A battery of units that respond to circles alone, in bumps at `centres`."""
    degrees = torch.arange(72) * 5.0
    away = [(degrees - centre + 180).remainder(360) - 180 for centre in centres]
    values = torch.stack([h * torch.exp(-(far**2) / (2 * 15.0**2)) for far, h in zip(away, heights, strict=True)])
    responses = dict(made().responses)
    responses = {
        name: Responses("features", "n", "l", name, of.axes, torch.zeros(len(values), *of.values.shape[1:]))
        for name, of in responses.items()
    }
    responses["circle"] = Responses("features", "n", "l", "circle", {"orientation": degrees}, values)
    return Battery(responses)


def test_the_envelope_is_the_best_members_in_its_own_deviations():
    found = curves([200.0, 20.0, 110.0, 290.0], [4.0, 2.0, 3.0, 5.0])
    members = torch.tensor([True, True, True, False])
    result = coverage(found, "curve", members, torch.tensor([2.0, 0.5, 3.0, 1.0]))
    assert result.units == [1, 2, 0]
    assert result.orientation.tolist() == pytest.approx([20, 110, 200], abs=0.1)
    assert result.largest_gap == pytest.approx(180, abs=0.2)
    # At their peaks: 2 / 0.5, 3 / 3 and 4 / 2 deviations.
    assert result.envelope[[4, 22, 40]].tolist() == pytest.approx([4, 1, 2], abs=1e-3)
    slow = np.array(
        [[found.responses["circle"].values[u, o] / d for u, d in ((0, 2), (1, 0.5), (2, 3))] for o in range(72)]
    )
    np.testing.assert_allclose(result.envelope, slow.max(1), rtol=1e-5)
    median = sorted(slow.max(1))[35]
    assert result.ratio == pytest.approx(slow.max(1).min() / median, rel=1e-4)


def test_a_family_that_covers_everything_alike_has_a_ratio_of_one():
    found = curves([5.0 * turn for turn in range(72)], [1.0] * 72)
    result = coverage(found, "curve", torch.ones(72, dtype=torch.bool), torch.ones(72))
    assert result.ratio == pytest.approx(1)
    assert result.largest_gap == pytest.approx(5, abs=0.1)


def test_no_members_cover_nothing():
    found = curves([0.0, 90.0], [1.0, 1.0])
    result = coverage(found, "curve", torch.tensor([False, False]), torch.ones(2))
    assert result.units == []
    assert result.largest_gap == 360
    assert math.isnan(result.ratio)
    silent = coverage(found, "curve", torch.tensor([True, True]), torch.tensor([0.0, 1.0]))
    assert silent.units == [1], "a unit that never varies over natural images has no measure"


def test_a_grid_of_thresholds_is_every_pair():
    found = curves([0.0, 120.0, 240.0], [1.0, 1.0, 1.0])
    rows = grid_metrics(coverages_over_criteria(found, torch.ones(3), selectivities=(0.5, 0.99), echoes=(0.01, 0.1)))
    assert [(row["selectivity"], row["echo"]) for row in rows] == [(0.5, 0.01), (0.5, 0.1), (0.99, 0.01), (0.99, 0.1)]
    assert [row["count"] for row in rows] == [3, 3, 0, 0]
    assert rows[1]["largest_gap"] == pytest.approx(120, abs=0.1)
    assert families(found).members["curve"].all()


def test_deviation_is_over_all_positions_of_all_images():
    network = visae.network("planted", device="cpu")
    # The last reads the maps that the first has read: nobody may have changed them.
    units = [visae.neurons(network, name) for name in ("mixed", "truth", "mixed")]
    images = torch.rand(3, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    found = natural_deviation(units, [images[:2], images[2:]])
    for of, values in zip(units, found, strict=True):
        rows = of.maps(images).double().movedim(1, -1).reshape(-1, len(of)).numpy()
        np.testing.assert_allclose(values, rows.std(0), rtol=1e-4, atol=1e-7)
        assert isinstance(of, Units)
    with pytest.raises(VisaeError, match="no images"):
        natural_deviation(units, [])
