"""The claims of the Persian rug that hold, at nearly the quick settings: half the outputs, and smaller models."""

from dataclasses import replace

import pytest

from visae.papers.persian_rug import SETTINGS, RugTraining, reproduce
from visae.papers.persian_rug._verdicts import moderate_rows

pytestmark = pytest.mark.slow

# The beginnings of the claims that hold. Others do not, or depend on the seed.
HOLD = (
    "Large-n loss at",
    "Loss of the engineered model there",
    "The same, against the formula",
    "Engineered loss against the formula",
    "Diagonal and row energy",
    "High sparsity",
)


def test_known_claims_hold(tmp_path):
    brief = RugTraining(steps=40, batch=64, held_out=1024)
    quick = SETTINGS["quick"]
    settings = replace(
        quick,
        n=64,
        sparse=quick.sparse[1:],
        values=quick.values // 2,
        sizes=(16, 32),
        tied=RugTraining(steps=300, held_out=4096),
        apart=replace(brief, start="apart"),
    )
    report = reproduce(tmp_path, settings, seed=0, device="cpu")
    for words in HOLD:
        (verdict,) = (row for row in report["verdicts"] if row["claim"].startswith(words))
        assert verdict["holds"], verdict
    scaling = report["scaling"]
    assert [(row["n"], row["p"]) for row in scaling["fitted"]] == list(reversed(settings.sparse))
    assert [(row["n"], row["p"]) for row in scaling["left_out"]] == [
        (512, 0.001),
        (512, 0.01),
        (2048, 0.001),
        (2048, 0.01),
    ]
    assert all(row["trained"]["mean"] < row["engineered"]["mean"] < row["linear"] for row in moderate_rows(report))
