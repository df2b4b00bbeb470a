"""The quick setting of the Persian rug, as the command runs it: one test, of a minute or two, alone in its file."""

from visae.papers.persian_rug._fits import moderate
from visae.papers.persian_rug._reproduce import persian_rug
from visae.papers.persian_rug._setting import QUICK

# The beginnings of the claims that hold. Others do not, or are up to the seed.
HOLD = (
    "Large-n loss at",
    "Loss of the woven model there",
    "The same, against the formula",
    "Woven loss against the formula",
    "Diagonal and row energy",
    "High sparsity",
)


def test_what_is_known_to_hold_holds(tmp_path):
    report = persian_rug(tmp_path, QUICK, seed=0, device="cpu")
    for words in HOLD:
        (found,) = (row for row in report["verdicts"] if row["claim"].startswith(words))
        assert found["holds"], found
    scaling = report["scaling"]
    assert [(one["n"], one["p"]) for one in scaling["fitted"]] == list(reversed(QUICK.sparse))
    assert [(one["n"], one["p"]) for one in scaling["left_out"]] == [
        (512, 0.001),
        (512, 0.01),
        (2048, 0.001),
        (2048, 0.01),
    ]
    assert all(row["trained"]["mean"] < row["woven"]["mean"] < row["linear"] for row in moderate(report))
