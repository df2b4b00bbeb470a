"""The claims of the bag of words that hold with the models of the quick settings, and those that do not."""

from dataclasses import replace

import pytest

from visae.papers.bag_of_words import SETTINGS, BagTraining
from visae.papers.bag_of_words._synthetic import measure_synthetic
from visae.papers.bag_of_words._text_sweep import measure_text
from visae.papers.bag_of_words._verdicts import verdicts

pytestmark = pytest.mark.slow

# Known not to hold, or so narrowly that rounding may decide.
NOT_REPRODUCED = {
    "order of the 12 on the ring exact: ReLU, decay 6, 2 latents",
    "order of the 12 on the ring exact: ReLU, decay 1, 6 latents",
    "circular: r of W^T W with the data's correlations, ReLU, 2 latents",
    "figure-eight: r of W^T W with the data's correlations, ReLU, 2 latents",
    "figure-eight: r of W^T W with the data's correlations, ReLU, 4 latents",
    "spherical: r of W^T W with the data's correlations, ReLU, 2 latents",
    "spherical: r of W^T W with the data's correlations, ReLU, 4 latents",
}
NARROW = {
    "order of the 12 on the ring exact: ReLU, decay 1, 4 latents",
    "circular: residual with a ReLU, no decay, 4 latents",
}
# Needs all steps of the quick settings: see test_trained_linear_models_reach_pca.
UNDERTRAINED = {"circular: residual of the linear model without decay, 4 latents"}


def test_known_claims_hold():
    """After half the steps on half the bags, with half the batch."""
    quick = replace(SETTINGS["quick"], draws=4000, synthetic=BagTraining(epochs=50, batch=128))
    rows = verdicts({"text": measure_text(quick, None, 0, "cpu"), "synthetic": measure_synthetic(quick, 0, "cpu")})
    claims = {verdict.claim for verdict in rows}
    assert len(claims) == len(rows) == 36
    may_fail = NOT_REPRODUCED | NARROW | UNDERTRAINED
    assert claims > may_fail
    assert {verdict.claim for verdict in rows if not verdict.holds} <= may_fail
