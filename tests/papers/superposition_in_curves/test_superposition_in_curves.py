"""The bridge: its measures on features that are known, and the whole of it in small."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import visae
from visae import cli
from visae.activations import Positions, Rows
from visae.images import Leaves
from visae.papers.bag_of_words import Fitting
from visae.papers.bag_of_words._interference import interference
from visae.papers.persian_rug import Training
from visae.papers.superposition_in_curves._helped import helped
from visae.papers.superposition_in_curves._jackknife import standard_errors
from visae.papers.superposition_in_curves._measures import Superposed, arrangement, figures, interferences, ring
from visae.papers.superposition_in_curves._page import paragraph
from visae.papers.superposition_in_curves._populations import CIRCLE, INDEPENDENT, RUG, held_out_places, of_toys
from visae.papers.superposition_in_curves._reproduce import superposition_in_curves
from visae.papers.superposition_in_curves._setting import QUICK, Setting
from visae.training import Budget
from visae.training._batches import Batches
from visae.training._train_layer import rows_folder

COUNT = 12
EVERY = list(range(COUNT))
AT = torch.arange(COUNT) * 360 / COUNT


def on_a_ring(rows=4000, lift=0.0, seed=0):
    """Directions on a ring that is lifted off the plane, and activations that come with their neighbours'."""
    angle = torch.deg2rad(AT)
    vectors = torch.stack([angle.cos(), angle.sin(), torch.full((COUNT,), lift)], 1)
    where = 2 * math.pi * torch.rand(rows, 1, generator=torch.Generator().manual_seed(seed))
    return Superposed(vectors @ vectors.T, (where - angle).cos().relu(), vectors, EVERY, EVERY, AT)


def apart(rows=20_000, seed=0):
    """Random directions, and activations that are independent."""
    draw = torch.Generator().manual_seed(seed)
    vectors = torch.randn(COUNT, 6, generator=draw)
    x = torch.rand(rows, COUNT, generator=draw)
    return Superposed(vectors @ vectors.T, (x - 0.7).relu(), vectors, EVERY, EVERY, AT)


def test_what_comes_together_and_points_alike_is_arranged():
    found = arrangement(on_a_ring(), 0)
    assert found["r"] > 0.97
    assert abs(found["shuffled_r"]) < 0.1
    assert len(found["pairs"]) == COUNT * (COUNT - 1) / 2
    assert found["cosines"] == pytest.approx(1.0, abs=1e-6)  # opposite features


def test_independent_features_are_not():
    found = arrangement(apart(), 0)
    assert abs(found["r"] - found["shuffled_r"]) < 4 * found["shuffled_sd"]


def test_help_is_all_constructive_and_independent_features_half():
    # Two pairs that fire together or not at all, each adding to the other and taking from the other pair.
    gram = torch.kron(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), torch.ones(2, 2))
    x = torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1]]).repeat(500, 1)
    found = interferences(Superposed(gram, x, torch.eye(4), list(range(4)), [], torch.zeros(0)), 0)
    assert found["read"]["of_each"] == [1.0] * 4
    assert found["read"]["borrowed"] == pytest.approx(0.75)  # of 4, others add 1 where it is there, else -2
    assert found["along"]["constructive"] is None  # directions at right angles
    assert found["shuffled"]["constructive"] == pytest.approx(0.5, abs=0.05)
    assert abs(found["shuffled"]["borrowed"]) < 0.1
    even = interferences(apart(), 0)["read"]
    assert even["constructive"] == pytest.approx(0.5, abs=0.01)
    assert even["borrowed"] == pytest.approx(0, abs=0.05)


def test_an_encoder_may_be_helped_where_directions_do_not_help():
    of = on_a_ring()
    found = interferences(replace(of, gram=-of.gram), 0)
    assert found["along"]["constructive"] > 0.6
    assert found["read"]["constructive"] == pytest.approx(1 - found["along"]["constructive"])


def test_what_is_gathered_is_the_interference_with_every_feature():
    draw = torch.Generator().manual_seed(3)
    gram, x = torch.randn(9, 9, generator=draw), (torch.rand(400, 9, generator=draw) - 0.6).relu()
    asked = [7, 0, 4]
    slow = interference(gram, x).some(asked)
    found = helped(gram, x, asked)
    assert found["of_each"] == pytest.approx(slow.constructive.tolist())
    assert found["constructive"] == pytest.approx(slow.constructive.mean().item())
    assert found["borrowed"] == pytest.approx(slow.borrowed)


def test_the_error_of_a_mean_is_that_of_the_groups_it_is_made_of():
    x = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
    means = x.double().numpy().reshape(10, 100, 2).mean(1)
    errors = standard_errors(lambda rows: rows.double().mean(0).tolist(), x)
    assert errors == pytest.approx(means.std(0, ddof=1) / 10**0.5)


def test_errors_are_as_far_as_figures_of_other_rows_lie_apart():
    of = apart()
    parts = [replace(of, x=x) for x in of.x.split(500)]
    for figure, error, measure in (
        ("r", "error", arrangement),
        ("constructive", "constructive_error", lambda one, seed: interferences(one, seed)["read"]),
        ("borrowed", "borrowed_error", lambda one, seed: interferences(one, seed)["read"]),
    ):
        found = [measure(one, 0) for one in parts]
        spread = np.std([one[figure] for one in found], ddof=1)
        assert np.sqrt(np.mean([one[error] ** 2 for one in found])) == pytest.approx(spread, rel=0.4)


@pytest.mark.parametrize("mirrored", [1, -1])
@pytest.mark.parametrize("turn", [0.0, 77.0])
def test_a_ring_is_found_however_it_is_turned(mirrored, turn):
    of = on_a_ring()
    found = ring(Superposed(of.gram, of.x, of.vectors, EVERY, EVERY, (mirrored * AT + turn) % 360), 0)
    assert found["alike"] == pytest.approx(1)
    assert found["kept"] == 1
    assert found["kept_by_chance"] <= found["shuffled_kept_95"] < 0.5
    assert found["share"] == pytest.approx(1)
    assert found["harmonics"][0] == pytest.approx(1)
    assert max(found["harmonics"][1:]) < 1e-9
    assert found["shuffled_alike"] < found["shuffled_alike_95"] < 0.8
    assert found["shuffled_harmonics"][0] == pytest.approx(2 / (COUNT - 1), abs=0.03)
    off = (torch.tensor(found["angles"]) - torch.tensor(found["at"]) + 180) % 360 - 180
    assert off.abs().max() < 1e-3


def test_directions_at_random_are_on_no_ring():
    alike = [ring(apart(100, seed), 0) for seed in range(20)]
    assert sum(found["alike"] > found["shuffled_alike_95"] for found in alike) <= 4
    assert ring(Superposed(torch.eye(4), torch.rand(9, 4), torch.eye(4), [0, 1], [0, 1], AT[:2]), 0) is None


def test_the_same_seed_gives_the_same_figures():
    assert figures(apart(200), 3) == figures(apart(200), 3)


def test_the_toys_are_the_nulls_that_they_are_said_to_be():
    toys = of_toys(0.05, replace(QUICK, bags=Fitting(epochs=60), rug=Training(steps=400)), 0, "cpu")
    found = {name: figures(of, 0) for name, of in toys.items()}
    assert found[CIRCLE]["arrangement"]["r"] > 0.9
    assert found[CIRCLE]["ring"]["alike"] > 0.95
    assert found[CIRCLE]["interference"]["read"]["constructive"] > 0.6
    for name in (INDEPENDENT, RUG):
        of = found[name]["arrangement"]
        assert abs(of["r"] - of["shuffled_r"]) < 3.5 * of["shuffled_sd"]
        assert found[name]["interference"]["read"]["constructive"] == pytest.approx(0.5, abs=0.02)
    assert found[RUG]["ring"] is None


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (on_a_ring(), ["as in the bag of words", "help more often than", "curves follow their orientation"]),
        (apart(), ["do not follow co-activation", "help as often as"]),
        # A star: every fifth is next.
        (replace(on_a_ring(), at=5 * AT % 360), ["curves do not follow their orientation"]),
    ],
)
def test_the_paragraph_says_what_was_found_and_what_not(of, words):
    said = paragraph({"features": figures(of, 0)})
    for part in (*words, "What this does not show: why."):
        assert part in said


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("bridge")
    budget = Budget(
        lambda _: visae.TopK(k=2, width=128), visae.TrainingConfig(epochs=12, batch=512), Positions(count=64), images=8
    )
    small = Setting("small", 640, Fitting(epochs=4), 16, Training(steps=20))
    network = visae.network("planted", device="cpu")
    return out, superposition_in_curves(network, ["mixed"], Leaves(160, 128), out, budget, small)


def test_the_whole_in_small(run):
    out, report = run
    assert json.loads((out / "superposition.json").read_text()) == report
    found = report["layers"]["mixed"]
    assert list(found["populations"]) == ["mixed features", CIRCLE, INDEPENDENT, RUG]
    assert found["curves"] + found["lines"] == found["populations"]["mixed features"]["arrangement"]["features"] > 20
    assert 0 < found["density"] < 0.2
    assert report["setting"] == "small"
    assert found["rows"] == 640  # ten of the sixteen images held out
    page = (out / "superposition-in-curves.md").read_text()
    assert "| mixed features " in page
    assert "measured on 640 rows, of images that it was not trained on" in page
    assert "neighbours kept" in page
    assert "![Features of mixed beside the toys](mixed/superposition.png)" in page
    assert (out / "mixed" / "superposition.png").stat().st_size > 20_000


def test_held_out_rows_are_those_that_training_leaves_out(run):
    out, _ = run
    rows = Rows(rows_folder(out, "mixed"))
    training = visae.TrainingConfig(epochs=12, batch=512)
    held_out = torch.cat(list(Batches(rows, training).held_out()))
    index = held_out_places(rows, training, 100_000)
    assert torch.equal(rows.gather(index), held_out)
    fewer = held_out_places(rows, training, 200)
    assert len(fewer) == 192
    assert set(fewer.tolist()) < set(index.tolist())
    with pytest.raises(visae.VisaeError, match="no image was held out"):
        held_out_places(rows, replace(training, holdout=0), 200)


def test_a_setting_that_measures_nothing_is_refused():
    with pytest.raises(visae.VisaeError, match="rows is 0 and features 64"):
        replace(QUICK, rows=0)
    with pytest.raises(visae.VisaeError, match="features 2"):
        replace(QUICK, features=2)


def test_a_layer_without_curves_is_refused(tmp_path):
    budget = Budget(
        lambda _: visae.TopK(k=1, width=4), visae.TrainingConfig(epochs=1, batch=64), Positions(count=16), images=2
    )
    network = visae.network("planted", device="cpu")
    with pytest.raises(visae.VisaeError, match="line features; co-activation of pairs is asked of 3 or more"):
        superposition_in_curves(network, ["mixed"], Leaves(8, 96), tmp_path, budget)


def test_bad_input_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["reproduce", "superposition-in-curves", "--layers", "mixd", "--out", str(tmp_path / "o")])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "mixed" in error
    assert error.strip().count("\n") == 0
