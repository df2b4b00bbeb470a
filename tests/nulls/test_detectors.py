import pytest
import torch

from visae.metrics import Fidelity, Firing, Helping, Quality
from visae.nulls import detectors, detectors_of_seeds, found_again
from visae.sae import TopK
from visae.tuning import Curves


def curves_at(peaks, spread=15.0):
    """Curves of units whose tuning is a bump at one of `peaks`; None for one that never responds."""
    degrees = torch.arange(72) * 5.0
    centres = torch.tensor([0.0 if peak is None else peak for peak in peaks])
    heights = torch.tensor([float(peak is not None) for peak in peaks])
    apart = (degrees - centres[:, None] + 180).remainder(360) - 180
    response = heights[:, None] * torch.exp(-apart.square() / (2 * spread**2))
    rivals = dict.fromkeys(("line", "edge", "angle"), torch.zeros(len(peaks)))
    radii = torch.tensor([5.0])
    return Curves("features", "made", "layer", "stroke", degrees, radii, response[:, None], rivals)


def quality_of(density, rise):
    fidelity = Fidelity(0.5, 0.5, 1.0, 0.0, 1.0, 1.0)
    firing = Firing(torch.tensor(density).double(), torch.zeros(1, dtype=torch.int64))
    return Quality(fidelity, firing, Helping(torch.tensor(rise).double()))


NEURONS = curves_at([0.0, 180.0])
PEAKS = [10.0, 90.0, 100.0, None, 270.0, 200.0]
DENSITY = [0.5, 0.1, 0.0, 0.5, 0.5, 0.5]
RISE = [1.0, -1.0, 0.0, 1.0, 1.0, 1.0]
AGAIN = torch.tensor([True, True, True, True, True, False])


def test_detectors_count_if_they_fire_help_and_arefound_again():
    tested = detectors(curves_at(PEAKS), NEURONS, quality_of(DENSITY, RISE), AGAIN)
    assert tested.units.tolist() == [0, 1, 2, 4, 5]
    assert tested.orientation.tolist() == pytest.approx([10, 90, 100, 270, 200], abs=0.1)
    assert tested.in_gaps.tolist() == [False, True, True, True, True]
    assert tested.fires.tolist() == [True, True, False, True, True]
    assert tested.helps.tolist() == [True, False, False, True, True]
    assert tested.again.tolist() == [True, True, True, True, False]
    assert tested.confirmed.tolist() == [True, False, False, True, False]
    assert tested.counts() == {
        "count": 5,
        "in_gaps": 4,
        "fire": 4,
        "help": 3,
        "found_again": 4,
        "confirmed": 2,
        "confirmed_in_gaps": 1,
    }


def test_without_another_seed_it_is_unknown_which_count():
    counts = detectors(curves_at(PEAKS), NEURONS, quality_of(DENSITY, RISE), None).counts()
    assert (counts["count"], counts["help"]) == (5, 3)
    assert counts["found_again"] is counts["confirmed"] is counts["confirmed_in_gaps"] is None


def test_without_curve_neurons_the_whole_circle_is_a_gap():
    tested = detectors(curves_at([10.0]), curves_at([None]), quality_of([1.0], [1.0]), None)
    assert tested.counts()["in_gaps"] == 1


def sae_with(directions):
    directions = torch.nn.functional.normalize(torch.tensor(directions), dim=1)
    sae = TopK(width=len(directions), k=1).build(directions.shape[1], torch.Generator().manual_seed(0))
    sae.decoder.data.copy_(directions)
    sae.encoder.data.copy_(directions)
    sae.about = {"metrics": {"explained_variance": float("nan"), "l0": 1.0}}
    return sae


def test_features_are_found_again_in_the_first_of_the_others():
    first = sae_with([[1.0, 0.0], [0.0, 1.0]])
    # Directions of the others are in another order, and one of each is turned by more than acos(0.9), 25.8 degrees.
    second, third = sae_with([[0.1, 1.0], [1.0, 0.6]]), sae_with([[0.6, 1.0], [1.0, 0.1]])
    assert [again.tolist() for again in found_again([first, second, third])] == [
        [False, True],
        [True, False],
        [False, True],
    ]
    assert found_again([first]) == [None]


def test_seeds_are_described_by_counts_gap_and_fit():
    saes = [sae_with([[1.0, 0.0], [0.0, 1.0]]), sae_with([[1.0, 0.0], [0.0, 1.0]])]
    swept = [curves_at([90.0, 270.0]), curves_at([90.0, None])]
    described = detectors_of_seeds(saes, swept, NEURONS, [torch.tensor([[2.0, 0.0], [3.0, 0.0]])])
    assert [seed["max_gap_deg"] for seed in described] == pytest.approx([180, 360], abs=0.1)
    # Only feature 0 fires on the rows.
    assert [(seed["count"], seed["fire"], seed["confirmed_in_gaps"]) for seed in described] == [(2, 1, 1), (1, 1, 1)]
    assert [(seed["explained_variance"], seed["l0"]) for seed in described] == [(None, 1.0)] * 2
