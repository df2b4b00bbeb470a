"""Which features in gaps count: a made case that passes every test, and fails one at a time."""

import pytest
import torch

import visae
from visae.metrics import Fidelity, Firing, Helping, Quality
from visae.papers.missing_curves import features_in_gaps
from visae.papers.missing_curves._gaps import (
    ASKED,
    add_photographs,
    detectors_of_coverage,
    gap_counts,
    is_counted,
    to_ask,
)
from visae.papers.missing_curves._natural_tuning import NaturalTuning
from visae.sae import TopK
from visae.tuning import Battery, JointTuning, MeasuredPopulation, Responses
from visae.units import neurons

NEURONS = [0.0, 120.0, 240.0]
STIMULI = {"circle": 360, "line": 180, "edge": 360, "angle": 360, "double_curve": 180}


def bumps(peaks, degrees, spread=15.0):
    away = (degrees - torch.tensor(peaks)[:, None] + 180).remainder(360) - 180
    return torch.exp(-away.square() / (2 * spread**2))


def population(peaks):
    """Curve detectors at these orientations, which respond to nothing else."""
    units, responses = neurons(visae.network("planted", device="cpu"), "mixed"), {}
    for name, period in STIMULI.items():
        degrees = torch.arange(period // 5) * 5.0
        values = bumps(peaks, degrees) if name == "circle" else torch.zeros(len(peaks), len(degrees))
        responses[name] = Responses("made", "planted", "mixed", name, {"orientation": degrees}, values)
    return MeasuredPopulation(units, Battery(responses), torch.ones(len(peaks)))


def photographs(peak, natural):
    """The joint tuning of the neurons, and of a feature that photographs put at `natural` and circles at `peak`."""
    degrees, orientation = torch.arange(36) * 10.0, torch.tensor([*NEURONS, natural])
    away = (degrees - (orientation[None] - orientation[:, None])[:, :, None] + 180).remainder(360) - 180
    joint = JointTuning((0, 1, 2, 10), (8, 8, 8, 8), degrees, torch.exp(-away.square() / 800))
    return NaturalTuning(joint, [0], 10, [0, 1, 2], torch.tensor([*NEURONS, peak]))


def judged(peak=60.0, rise=1.0, again=True, natural=60.0, asked=(0,)):
    """The counts of a dictionary with one feature."""
    reference, features = population(NEURONS), population([peak])
    fidelity, rise = Fidelity(0.5, 0.5, 1.0, 0.0, 1.0, 1.0), torch.tensor([rise]).double()
    firing = Firing((rise != 0).double(), torch.zeros(1, dtype=torch.int64))
    others = None if again is None else torch.tensor([again])
    measured = Quality(fidelity, firing, Helping(rise))
    detectors = detectors_of_coverage(reference.curves, features.curves, measured, others)
    sae = TopK(width=1, k=1).build(48, torch.Generator().manual_seed(0))
    rows = features_in_gaps(reference.curves, features, sae, detectors)
    return gap_counts([add_photographs(row, photographs(peak, natural), asked) for row in rows])


def test_a_feature_that_passes_every_test_counts():
    counts = judged()
    assert counts == {
        "in_gaps": 1,
        "help": 1,
        "found_again": 1,
        "confirmed_in_gaps": 1,
        "asked": 1,
        "answered": 1,
        "agree": 1,
        "counted": 1,
        "undecided": 0,
        "counted_features": [0],
    }


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({"peak": 110.0, "natural": 110.0}, "in_gaps"),
        ({"rise": -1.0}, "help"),
        ({"rise": 0.0}, "help"),
        ({"again": False}, "found_again"),
        ({"natural": 110.0}, "agree"),
    ],
)
def test_a_feature_that_fails_one_test_does_not_count(change, failed):
    counts = judged(**change)
    assert counts[failed] == 0
    assert counts["counted"] == counts["undecided"] == 0
    assert counts["counted_features"] == []


def test_what_was_not_asked_has_not_failed():
    counts = judged(asked=())
    assert (counts["asked"], counts["undecided"], counts["counted"]) == (0, 1, None)
    assert judged(asked=(), again=False)["counted"] == 0
    assert (judged(again=None)["found_again"], judged(again=None)["counted"]) == (None, 0)


def test_a_test_that_is_unknown_leaves_open_whether_a_feature_counts():
    row = {"helps": True, "found_again": True, "agrees": True}
    assert is_counted(row)
    assert is_counted({**row, "agrees": None}) is None
    assert is_counted({**row, "agrees": None, "helps": False}) is False


def test_those_that_pass_the_other_tests_are_asked_about_first():
    rows = [{"feature": number, "helps": number % 2 == 0, "found_again": number > 5} for number in range(20)]
    asked = to_ask(rows)
    assert len(asked) == ASKED == 12
    assert asked[:7] == [6, 8, 10, 12, 14, 16, 18]
    assert asked[7:] == [0, 1, 2, 3, 4]
    assert to_ask(rows[:3]) == [0, 1, 2]
