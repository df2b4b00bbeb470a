"""Training ends once the loss on held-out rows has stopped falling, and says whether it had."""

import math
from types import SimpleNamespace

import pytest
import torch
from interruptions import Interrupted, interrupt_at_step
from stores import FIFTEEN_STEPS, SWEEP, file_contents

from visae.sae import BatchTopK, ReLU, TopK, load
from visae.training import SAESpec, TrainingConfig, train, train_many
from visae.training import _convergence as convergence
from visae.training import _trainer as trainer
from visae.training._batches import Batches
from visae.training._convergence import has_stopped_falling, losses

# 100 steps, which end earlier where the loss is measured at every second one.
HUNDRED_STEPS = TrainingConfig(rows_seen=18_000, batch=180, lr=1e-2)
SPECS = {"topk": SAESpec(TopK(width=16, k=2, aux_k=4, dead_after=200)), "relu": SAESpec(ReLU(width=16, l1=0.5))}


@pytest.mark.parametrize(
    ("values", "stopped"),
    [
        ([1.0] * 9, False),
        ([1.0] * 10, True),
        ([1.0] * 8 + [1.0, 0.995], True),
        ([1.0] * 8 + [1.0, 0.985], False),
        ([1.0 + 0.01 * step for step in range(20)], True),
        ([1 / step for step in range(1, 200)], False),
        ([0.5 + math.exp(-step / 10) for step in range(20)], False),
        ([0.5 + math.exp(-step / 10) for step in range(100)], True),
        # One low point amid noise, longer ago than the last quarter.
        ([1.0, 0.9, 0.8, 0.5, 0.8, 0.7, 0.6, 0.6, 0.55, 0.51, 0.52, 0.53], True),
    ],
)
def test_a_loss_has_stopped_falling_if_the_last_quarter_is_not_a_percent_lower(values, stopped):
    assert has_stopped_falling(values) == stopped


def test_the_loss_is_the_sum_of_the_terms():
    assert losses([{"rows_seen": 100, "error": 0.5, "sparsity": 0.25}, {"rows_seen": 200, "error": 0.5}]) == [0.75, 0.5]


@pytest.fixture
def measured_often(monkeypatch):
    """Measure every second step."""
    monkeypatch.setattr(trainer, "_STEPS_PER_MEASUREMENT", (2, 2))


@pytest.fixture
def ends_early(monkeypatch):
    """Take a loss for one that has stopped unless it falls by half, and measure every second step."""
    monkeypatch.setattr(trainer, "_STEPS_PER_MEASUREMENT", (2, 2))
    monkeypatch.setattr(convergence, "_LEAST_FALL", 0.5)


@pytest.mark.usefixtures("ends_early")
def test_training_ends_where_the_loss_stops_falling_with_the_decay_of_a_whole_run(rows, tmp_path, capsys):
    saes = train_many(rows, SPECS, tmp_path, HUNDRED_STEPS, "cpu")
    steps = saes["topk"].about["rows_seen"] // 180
    stopped = round(0.7 * steps) * 180
    assert 20 <= steps < 70
    assert f"has stopped falling after {stopped:,} rows; ending at {steps * 180:,}" in capsys.readouterr().err
    for sae in saes.values():
        assert sae.about["converged"]
        assert sae.about["rows_seen"] == 180 * steps
        curve = sae.about["held_out"]
        assert [point["rows_seen"] // 180 for point in curve] == [*range(2, steps, 2), steps]
        assert has_stopped_falling(losses(curve[: stopped // 360]))
    assert load(tmp_path / "topk").about["held_out"] == saes["topk"].about["held_out"]
    # The decay starts at once.
    rates = [HUNDRED_STEPS.learning_rate(step, steps) for step in range(stopped // 180 + 1, steps)]
    assert rates == sorted(rates, reverse=True)
    assert 0.8 * HUNDRED_STEPS.lr < rates[0] < HUNDRED_STEPS.lr


@pytest.mark.usefixtures("measured_often")
def test_a_loss_that_falls_to_the_end_is_not_converged(rows, tmp_path):
    about = train(rows, TopK(width=16, k=2), tmp_path, FIFTEEN_STEPS, "cpu").about
    assert not about["converged"]
    assert about["rows_seen"] == 2700
    values = losses(about["held_out"])
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(("decay", "fast_converged"), [(0.3, True), (0.95, False)])
def test_a_member_converges_for_itself_before_the_decay(decay, fast_converged):
    """One whose loss still falls keeps the others in training, but does not make them unconverged."""
    run = trainer.Trainer.__new__(trainer.Trainer)
    run.training, run.step, run.steps = TrainingConfig(rows_seen=200, batch=2, decay=decay), 100, 100
    run.stopped = {"stopped": "diverged"}
    measured_at = range(2, 201, 2)
    run.held_out = {
        "fast": [{"rows_seen": rows, "error": 1.0} for rows in measured_at],
        "slow": [{"rows_seen": rows, "error": 1 / rows} for rows in measured_at],
        "stopped": [{"rows_seen": rows, "error": 1.0} for rows in measured_at],
    }
    converged = {name: run.progress_of(name)["converged"] for name in run.held_out}
    assert converged == {"fast": fast_converged, "slow": False, "stopped": False}


@pytest.mark.parametrize(("rows_seen", "steps"), [(100 * 2048, 10), (977 * 2048, 24), (40_000 * 2048, 100)])
def test_measurements_are_spaced_by_the_length_of_the_run(rows_seen, steps):
    """So that a short run can converge too."""
    measured = trainer.Trainer.__new__(trainer.Trainer)
    measured.batches = SimpleNamespace(steps=rows_seen // 2048)
    assert measured._steps_per_measurement() == steps


def test_a_baseline_has_no_curve(rows, tmp_path):
    about = train(rows, SWEEP["pca"].config, tmp_path, FIFTEEN_STEPS, "cpu").about
    assert {"converged", "rows_seen", "held_out"}.isdisjoint(about)


@pytest.mark.usefixtures("ends_early")
@pytest.mark.parametrize("step", [3, 22, 27])
def test_a_run_that_ends_early_is_resumed_to_the_same_bits(rows, tmp_path, monkeypatch, step):
    train_many(rows, SPECS, tmp_path / "whole", HUNDRED_STEPS, "cpu")
    with monkeypatch.context() as patch:
        interrupt_at_step(patch, 2 * step)
        with pytest.raises(Interrupted):
            train_many(rows, SPECS, tmp_path / "resumed", HUNDRED_STEPS, "cpu")
    train_many(rows, SPECS, tmp_path / "resumed", HUNDRED_STEPS, "cpu")
    assert file_contents(tmp_path / "resumed") == file_contents(tmp_path / "whole")


@pytest.mark.usefixtures("measured_often")
@pytest.mark.parametrize("config", [BatchTopK(width=16, k=2), TopK(width=16, k=2, aux_k=4, dead_after=200)])
def test_measuring_does_not_change_what_is_trained(rows, tmp_path, monkeypatch, config):
    often = train(rows, config, tmp_path / "often", FIFTEEN_STEPS, "cpu")
    monkeypatch.setattr(trainer, "_STEPS_PER_MEASUREMENT", (10**9, 10**9))
    seldom = train(rows, config, tmp_path / "seldom", FIFTEEN_STEPS, "cpu")
    assert [len(sae.about["held_out"]) for sae in (often, seldom)] == [8, 1]
    for name, tensor in often.state_dict().items():
        assert torch.equal(tensor, seldom.state_dict()[name]), name


def test_the_last_measurement_is_the_error_on_held_out_rows(rows, tmp_path):
    sae = train(rows, TopK(width=16, k=2), tmp_path, FIFTEEN_STEPS, "cpu")
    x = Batches(rows, FIFTEEN_STEPS).held_out_sample()
    assert len(x) == 100
    z = sae.standardise(x).double()
    sae.double()
    error = (z - sae.reconstruct(sae.features(z))).square().sum(1).mean() / sae.dim
    assert sae.about["held_out"][-1] == {"rows_seen": 2700, "error": pytest.approx(error.item(), rel=1e-5)}
