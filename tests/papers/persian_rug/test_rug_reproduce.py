"""The reproduction of the Persian rug at a tiny size, and the powers that are fitted to it."""

import copy
import math
from dataclasses import asdict

import numpy as np
import pytest

from visae._support.errors import VisaeError
from visae.papers.persian_rug import BREAKING, KEEPING, SETTINGS, linear_loss, predict
from visae.papers.persian_rug._page import rug_page
from visae.papers.persian_rug._reproduce import SCHEMA, fit_power, fit_sparse, mean_and_deviation, scaling
from visae.papers.persian_rug._verdicts import verdicts

PLOTS = ("loss.png", "sparsity.png", "symmetry.png", "rug.png", "shuffles.png")

pytestmark = pytest.mark.slow


@pytest.fixture
def report(tiny_rug):
    return copy.deepcopy(tiny_rug[1])


def test_files(tiny_rug, report):
    out, _ = tiny_rug
    page = (out / "persian-rug.md").read_text()
    assert report["schema"] == SCHEMA
    # The report as it is read again makes the same page and the same verdicts.
    assert page == rug_page(report)
    assert [asdict(verdict) for verdict in verdicts(report)] == report["verdicts"]
    for name in PLOTS:
        assert (out / name).read_bytes().startswith(b"\x89PNG")
        assert f"({name})" in page


def test_grid_is_that_of_the_settings(report):
    grid = report["grid"]
    assert [(row["ratio"], row["p"]) for row in grid] == [(0.25, 0.045), (0.25, 0.3), (0.25, 0.9), (0.5, 0.045)]
    for row in grid:
        assert row["theory"] == predict(row["ratio"], row["p"]).loss
        assert row["linear"] == linear_loss(row["ratio"], row["p"])
        for model in ("engineered", "trained"):
            assert 0 < row[model]["mean"] < row["p"] / 3 * 1.2
            assert row[model]["deviation"] > 0


def test_rugs_are_those_of_the_settings(report):
    rows = [(row["n"], row["p"]) for row in report["engineered"]]
    assert rows == [(64, 0.01), (64, 0.2), (128, 0.01), (128, 0.2), (512, 0.2), (1024, 0.1)]
    assert [row["large"] for row in report["engineered"]] == [False, True, False, True, True, True]
    assert report["engineered"][5]["loss"] == pytest.approx(predict(0.25, 0.1).loss, rel=0.05)
    assert [rug["n"] for rug in report["rugs"]] == [16, 32, 64]
    assert all(rug["energy"] == pytest.approx(3) for rug in report["rugs"])
    assert report["notebook"]["loss"] == pytest.approx(predict(0.25, 0.045).loss, rel=0.1)


def test_sizes_and_shuffles(report):
    assert [size["n"] for size in report["sizes"]] == [16, 32]
    for size in report["sizes"]:
        assert size["theory"] == predict(0.25, 0.045).loss
        for start in ("tied", "apart"):
            assert 0 < size[start]["noise"] < 1
    assert list(report["shuffles"]["trained"]) == [*KEEPING, *BREAKING]
    assert report["shuffles"]["engineered"]["biases"] == 1
    assert report["shuffles"]["engineered"]["rows"] > 1.5


def test_report_and_page_say_what_was_run(report):
    assert (report["settings"]["name"], report["seed"]) == ("tiny", 0)
    page = rug_page(report)
    assert "settings tiny, seed 0" in page
    assert "40 steps of 64 samples, initial rate 0.1 / √n; loss on 1,024 others" in page
    assert "0.1 (1,024), 0.2 (512)" in page


def test_powers_of_n_are_fitted(report):
    for size in report["sizes"]:
        size["tied"]["noise"] = 2 * size["n"] ** -0.5
        size["apart"]["bias"] = 3 * size["n"] ** 0.25
    powers = scaling(report)["sizes"]
    assert powers["tied"]["noise"] == pytest.approx({"constant": 2, "exponent": -0.5})
    assert powers["apart"]["bias"] == pytest.approx({"constant": 3, "exponent": 0.25})


def test_sparse_losses_are_fitted_only_where_n_is_large_enough(report):
    for row in report["engineered"]:
        row["loss"] = 0.2 * row["p"] ** 2.5 * math.log(1 / row["p"]) * 3 if row["large"] else 1.0
    powers = scaling(report)
    assert [(row["n"], row["p"]) for row in powers["left_out"]] == [(64, 0.01), (128, 0.01)]
    assert [(row["n"], row["p"]) for row in powers["fitted"]] == [(64, 0.2), (128, 0.2), (512, 0.2), (1024, 0.1)]
    assert powers["densities"]["loss"] == pytest.approx({"constant": 0.2, "exponent": 2.5})
    # With k = 2 the constant absorbs the rest.
    assert powers["fitted"][3]["loss"] == pytest.approx(0.2 * 0.1**0.5)
    assert "the 4 rugs above of r = 0.25 and p up to 0.2 for" in rug_page(report)
    assert "the other 2, of 64 and 128 features, are left out" in rug_page(report)


def test_page_without_rugs_left_out(report):
    report["scaling"]["left_out"] = []
    assert "none is left out" in rug_page(report)


def test_power_laws():
    x = [1.0, 2, 5, 9]
    assert fit_power(x, [3 * value**-1.5 for value in x]) == pytest.approx({"constant": 3, "exponent": -1.5})
    densities = [1e-3, 3e-3, 1e-2]
    losses = [0.2 * p**1.9 * math.log(1 / p) * 4 for p in densities]
    assert fit_sparse(densities, losses, ratio=0.2) == pytest.approx({"constant": 0.2, "exponent": 1.9})


def test_power_law_is_least_squares_of_logarithms():
    x, y = np.array([1.0, 3, 4, 10]), np.array([2.0, 1, 3, 2])
    design = np.stack([np.ones(4), np.log(x)], 1)
    expected = np.linalg.lstsq(design, np.log(y), rcond=None)[0]
    result = fit_power(x.tolist(), y.tolist())
    assert (math.log(result["constant"]), result["exponent"]) == pytest.approx(tuple(expected))


def test_power_law_needs_two_points():
    with pytest.raises(VisaeError, match="there are 1"):
        fit_power([2.0, 2.0], [1.0, 2.0])


def test_one_seed_has_no_deviation():
    assert mean_and_deviation([2.0]) == {"mean": 2, "deviation": 0}
    assert mean_and_deviation([1.0, 3.0]) == {"mean": 2, "deviation": pytest.approx(2**0.5)}


def test_settings_are_exported():
    assert {name: settings.name for name, settings in SETTINGS.items()} == {"quick": "quick", "full": "full"}
