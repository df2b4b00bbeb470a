import pytest

from visae._support.errors import VisaeError
from visae.training import TrainingConfig

SCHEDULES = [
    # warmup, decay, steps, and the rate of each step as a share of lr
    (0.0, 0.0, 4, [1, 1, 1, 1]),
    (0.5, 0.0, 8, [1 / 4, 2 / 4, 3 / 4, 1, 1, 1, 1, 1]),
    (0.0, 0.5, 8, [1, 1, 1, 1, 1, 3 / 4, 2 / 4, 1 / 4]),
    (0.2, 0.3, 10, [1 / 2, 1, 1, 1, 1, 1, 1, 1, 2 / 3, 1 / 3]),
    (0.5, 0.5, 4, [1 / 2, 1, 1, 1 / 2]),
    (0.9, 0.9, 10, [1 / 9, 2 / 9, 3 / 9, 4 / 9, 5 / 9, 5 / 9, 4 / 9, 3 / 9, 2 / 9, 1 / 9]),
    (0.05, 0.3, 1, [1]),
    (0.01, 0.01, 10, [1] * 10),
]


@pytest.mark.parametrize(("warmup", "decay", "steps", "shares"), SCHEDULES)
def test_the_learning_rate_rises_stays_and_falls(warmup, decay, steps, shares):
    training = TrainingConfig(lr=0.25, warmup=warmup, decay=decay)
    rates = [training.learning_rate(step, steps) for step in range(steps)]
    assert rates == pytest.approx([0.25 * share for share in shares])


@pytest.mark.parametrize(("warmup", "decay", "steps", "shares"), SCHEDULES)
def test_the_warmup_factor_rises_and_stays(warmup, decay, steps, shares):
    factors = [TrainingConfig(warmup=warmup, decay=decay).warmup_factor(step, steps) for step in range(steps)]
    assert factors == sorted(factors)
    assert factors[0] > 0
    assert factors[-1] == 1
    assert all(share <= factor + 1e-12 for share, factor in zip(shares, factors, strict=True))


@pytest.mark.parametrize("steps", [1, 2, 7, 100, 12345])
def test_every_step_has_a_rate_above_zero_and_up_to_lr(steps):
    training = TrainingConfig(lr=1e-3)
    rates = [training.learning_rate(step, steps) for step in range(steps)]
    assert min(rates) > 0
    assert max(rates) == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rows_seen": 0, "lr": 0.5}, "rows_seen is 0, batch 2048, lr 0.5"),
        ({"batch": 0}, "batch 0"),
        ({"lr": 0.0}, "lr 0;"),
        ({"lr": float("nan")}, "lr nan"),
        ({"lr": float("inf")}, "lr inf"),
        ({"warmup": 1.0}, "warmup is 1;"),
        ({"decay": -0.1}, "decay is -0.1"),
        ({"holdout": 1.5}, "holdout is 1.5"),
        ({"holdout": float("nan")}, "holdout is nan"),
        ({"revive": -1.0}, "revive is -1"),
        ({"revive": float("inf")}, "revive is inf"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(VisaeError, match=message):
        TrainingConfig(**settings)
