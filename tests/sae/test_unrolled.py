"""Unrolled encoders, against their steps written out in NumPy, and on planted directions."""

import numpy as np
import pytest
import torch
from contract import check_contract
from learned import planted_rows, started
from scipy.optimize import nnls
from slow_saes import tensors
from small_saes import random_sae, standardised, train_briefly

from visae._support.errors import VisaeError
from visae.sae import Unrolled, _unrolled
from visae.sae._pursuit import pursue

CONFIG = Unrolled(width=12, k=2, steps=2, candidates=3)


def slow_pursuit(x, directions, most, min_gain):
    """Pursue one row among some directions: unconstrained while they are selected, then refitted."""
    selected, values = [], np.zeros(0)
    for _ in range(most):
        match = directions @ (x - values @ directions[selected])
        best = int(np.argmax(match))
        if match[best] <= 0 or best in selected:
            break
        fitted = np.linalg.lstsq(directions[[*selected, best]].T, x, rcond=None)[0]
        before = np.square(x - values @ directions[selected]).sum()
        after = np.square(x - fitted @ directions[[*selected, best]]).sum()
        if before - after < min_gain:
            break
        selected, values = [*selected, best], fitted
    f = np.zeros(len(directions))
    f[selected] = nnls(directions[selected].T, x)[0]
    return f


def slow_features(config, p, z):
    """Encode rows step by step."""
    f = np.zeros((len(z), config.width))
    ends = [p["min_gain"]] * (config.steps - 1) + [p["threshold"]]
    for row, features in zip(z - p["bias"], f, strict=True):
        candidates = []
        for encoder, encoder_bias, end in zip(p["encoder"], p["encoder_bias"], ends, strict=True):
            scores = encoder @ (row - features @ p["decoder"]) + encoder_bias
            ranked = [int(index) for index in np.argsort(-scores) if index not in candidates]
            candidates += ranked[: config.candidates]
            most = min(config.most, len(candidates))
            features[:] = 0
            features[candidates] = slow_pursuit(row, p["decoder"][candidates], most, end)
    return f


def made(config, seed=0, dim=6):
    """An SAE with unit directions, away from its start in every parameter."""
    sae = random_sae(config, dim, seed=seed)
    sae.after_step()
    sae.calibrate(standardised(sae, 200))
    return sae


def test_contract(tmp_path):
    check_contract(CONFIG, tmp_path)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_features_are_those_of_the_steps(steps):
    sae = made(Unrolled(width=12, k=2, steps=steps, candidates=3))
    # A calibrated threshold is the gain of one of these rows, which rounding would decide about.
    sae.threshold.mul_(1 - 1e-6)
    sae.min_gain.mul_(1 - 1e-6)
    z, p = (
        standardised(sae, 30),
        tensors(sae) | {name: sae.get_buffer(name).item() for name in ("min_gain", "threshold")},
    )
    expected = slow_features(sae.config, p, z.numpy())
    np.testing.assert_allclose(sae.features(z).detach().numpy(), expected, rtol=1e-6, atol=1e-8)
    assert (expected > 0).any(1).mean() > 0.9


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_k_features_fire_on_average_after_calibration(monkeypatch, piece):
    monkeypatch.setattr(_unrolled, "_PIECE", piece)
    sae = made(CONFIG)
    z = standardised(sae, 200)
    code = sae._last(z - sae.bias, sae._members()[0])
    assert (code.gains > 0).sum() == CONFIG.k * 200
    assert ((code.values > 0).sum(1) <= (code.gains > 0).sum(1)).all()


def test_one_step_with_every_feature_as_candidate_is_the_pursuit():
    x, truth = planted_rows(300)
    sae = started(Unrolled(width=24, k=2, steps=1, candidates=24), x)
    sae.start_from(truth, sae.silent_point, 0.05)
    z = sae.standardise(x)
    code = pursue(z - sae.bias, truth, sae.config.most, 0.05)
    # A pursuit that refits without negative values at every step may go on differently from one that does so last.
    agree = (sae.features(z) - code.dense(24)).abs().amax(1) < 1e-3
    assert agree.double().mean() > 0.95


def test_choice_is_the_cross_entropy_of_what_is_still_missing():
    sae = made(CONFIG)
    z, p = standardised(sae, 20), tensors(sae)
    min_gain = sae.min_gain.item()
    terms, _ = sae.losses(z)
    target = pursue(z - sae.bias, sae.decoder.detach(), CONFIG.most, min_gain).dense(12).numpy()
    expected = 0.0
    for row, values in zip(z.numpy() - p["bias"], target, strict=True):
        candidates, left = [], row
        for encoder, encoder_bias in zip(p["encoder"], p["encoder_bias"], strict=True):
            scores = encoder @ left + encoder_bias
            others = [index for index in range(12) if index not in candidates]
            total = np.log(np.exp(scores[others]).sum())
            expected -= sum(values[index] * (scores[index] - total) for index in others) / len(z)
            candidates += sorted(others, key=lambda index: -scores[index])[: CONFIG.candidates]
            f = slow_pursuit(row, p["decoder"][candidates], min(CONFIG.most, len(candidates)), min_gain)
            left = row - f @ p["decoder"][candidates]
    assert terms["choice"].item() == pytest.approx(expected, rel=1e-6)


def test_training_teaches_the_encoder_which_features_a_pursuit_has():
    x, truth = planted_rows(6000)
    sae = started(Unrolled(width=24, k=2, steps=1, candidates=3, freeze="decoder"), x)
    sae.start_from(truth, sae.silent_point, 0.05)
    z = sae.standardise(x)
    target = pursue(z[:2000] - sae.bias, truth, sae.config.most, 0.05).dense(24)

    def missed():
        sae.calibrate(z[:2000])
        return ((sae.features(z[:2000]) - target).square().sum() / target.square().sum()).item()

    untrained = missed()
    for _ in train_briefly(sae, z.split(100), lr=0.01, parameters=[sae.encoder, sae.encoder_bias]):
        pass
    assert missed() < 0.5 * untrained
    assert torch.equal(sae.decoder, truth)


def test_the_gradient_is_that_of_least_squares_on_what_fires():
    sae = made(CONFIG).requires_grad_(False)
    z = standardised(sae, 5).requires_grad_()
    f = sae.features(z)
    weights = torch.rand(f.shape, generator=torch.Generator().manual_seed(0), dtype=f.dtype)
    (gradient,) = torch.autograd.grad((weights * f).sum(), z)
    for row in range(5):
        fires = f[row].detach() > 0
        expected = torch.linalg.pinv(sae.decoder[fires]) @ weights[row, fires]
        torch.testing.assert_close(gradient[row], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 13}, "k is 13, the width 12"),
        ({"k": 4, "steps": 1, "candidates": 3}, "must be at least k, 4, together"),
        ({"steps": 5, "candidates": 3}, "at most the width, 12"),
        ({"steps": 0}, "0 steps choose"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(VisaeError, match=message):
        Unrolled(**{"width": 12, "k": 2, "candidates": 3} | settings)


def test_the_pursuit_keeps_to_k_features_while_the_directions_are_trained(monkeypatch):
    monkeypatch.setattr(_unrolled, "_FOLLOW", 0.5)
    sae = made(CONFIG)
    sae.min_gain *= 0.5
    z = standardised(sae, 100)
    before = sae.min_gain.item()
    for _ in range(20):
        sae.losses(z)
    target = pursue(z - sae.bias, sae.decoder.detach(), CONFIG.most, sae.min_gain.item())
    assert (target.values > 0).sum().item() / 100 == pytest.approx(CONFIG.k, rel=0.1)
    sae.eval().losses(z)
    sae.train().decoder.requires_grad_(False)
    held = sae.min_gain.item()
    sae.losses(z)
    assert held == sae.min_gain.item() > before
