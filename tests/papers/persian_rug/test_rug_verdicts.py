"""The verdicts of the Persian rug on a report in which every claim holds, and with one number spoilt at a time."""

import copy
from dataclasses import asdict

import pytest

from visae.papers.persian_rug import BREAKING, KEEPING, SETTINGS, linear_loss, predict
from visae.papers.persian_rug._page import rug_page
from visae.papers.persian_rug._verdicts import moderate_rows, verdicts

pytestmark = pytest.mark.slow


@pytest.fixture
def good(tiny_rug):
    """The report as it would be if every claim held."""
    report = copy.deepcopy(tiny_rug[1])
    report["notebook"] |= {"loss": 4.9e-3}
    for row in report["engineered"]:
        row["loss"] = row["theory"]
    for rug in report["rugs"]:
        rug |= {"energy_off": 1e-15, "diagonal_off": 0.0}
    for share, size in zip((0.7, 0.9), report["sizes"], strict=True):
        for start in ("tied", "apart"):
            size[start]["loss"]["mean"] = share * size["engineered"]["loss"]["mean"]
            size[start] |= {"noise": 0.015, "diagonal": 1 - share, "bias": 1 - share, "row_energy": 1 - share}
    for row in report["grid"]:
        row["trained"]["mean"] = 0.9 * row["engineered"]["mean"]
        row["linear"] = row["projection"]
    for power in report["scaling"]["densities"].values():
        power["exponent"] = 2.1
    trained = report["shuffles"]["trained"]
    trained |= dict.fromkeys(KEEPING, 1.05) | dict.fromkeys(BREAKING, 2.0)
    return report


def failed(report):
    return [verdict.claim for verdict in verdicts(report) if not verdict.holds]


def test_moderate_is_neither_sparse_nor_dense(tiny_rug):
    assert [row["p"] for row in moderate_rows(tiny_rug[1])] == [0.3]
    quick = SETTINGS["quick"]
    grid = [
        {"ratio": 0.25, "p": p, "linear": linear_loss(0.25, p), "theory": predict(0.25, p).loss}
        for p in quick.densities
    ]
    rows = moderate_rows({"settings": asdict(quick), "grid": grid})
    assert [row["p"] for row in rows] == [0.02, 0.045, 0.1, 0.3]


def test_all_claims_hold_on_a_good_report(good):
    assert failed(good) == []
    assert len(verdicts(good)) == 16


# A change of a good report, and the beginnings of the claims that then fail, and of no others.
SPOILT = [
    (lambda report: report["notebook"].update(loss=5.2e-3), {"Loss of the engineered", "The same, against"}),
    (
        lambda report: report["engineered"][4].update(loss=0.9 * report["engineered"][4]["theory"]),
        {"Engineered loss against"},
    ),
    (lambda report: report["rugs"][0].update(energy_off=1e-6), {"Diagonal and row"}),
    (lambda report: report["rugs"][0].update(diagonal_off=1e-6), {"Diagonal and row"}),
    (
        lambda report: report["grid"][1]["trained"].update(mean=0.7 * report["grid"][1]["engineered"]["mean"]),
        {"Trained loss over"},
    ),
    (
        lambda report: report["grid"][1]["trained"].update(mean=1.1 * report["grid"][1]["engineered"]["mean"]),
        {"Trained loss over"},
    ),
    (
        lambda report: report["sizes"][1]["tied"]["loss"].update(mean=1e-3),
        {"The same at p", "The same as n grows, start tied", "The same as n grows, start apart"},
    ),
    (
        lambda report: report["sizes"][1]["apart"]["loss"].update(mean=1e-3),
        {"The same at p", "The same as n grows, start apart"},
    ),
    (lambda report: report["grid"][0].update(linear=0.9 * report["grid"][0]["projection"]), {"Loss of the best"}),
    (lambda report: report["scaling"]["densities"]["loss"].update(exponent=1.5), {"High sparsity"}),
    (
        lambda report: report["sizes"][1]["tied"].update(bias=0.4),
        {"Relative variance over the features of models that start tied"},
    ),
    (
        lambda report: report["sizes"][1]["apart"].update(bias=0.4),
        {"Relative variance over the features of models that start apart"},
    ),
    (lambda report: report["sizes"][1]["tied"].update(noise=0.05), {"Noise of trained"}),
    (lambda report: report["sizes"][1]["apart"].update(noise=0.05), {"Noise of trained"}),
    (lambda report: report["shuffles"]["trained"].update(biases=1.2), {"Shuffles that keep"}),
    (lambda report: report["shuffles"]["trained"].update(rows=1.2), {"Changes that break"}),
]


@pytest.mark.parametrize(("spoil", "claims"), SPOILT)
def test_spoilt_numbers_fail_their_own_claims(good, spoil, claims):
    spoil(good)
    assert len(failed(good)) == len(claims)
    assert all(any(claim.startswith(words) for words in claims) for claim in failed(good))
    page = rug_page({**good, "verdicts": [asdict(verdict) for verdict in verdicts(good)]})
    assert page.count("**not reproduced**") == len(claims)


def test_no_verdict_without_a_point_at_large_n(good):
    good["engineered"] = [row for row in good["engineered"] if not row["large"]]
    assert len(verdicts(good)) == 15


def test_no_verdict_without_a_moderate_density(good):
    good["grid"] = [row for row in good["grid"] if row["p"] < 0.3]
    assert len(verdicts(good)) == 15
