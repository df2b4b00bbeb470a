import numpy as np
import pytest
import torch
from slow_saes import left, preactivate, tensors
from small_saes import as_the_reference_has_it, filled, grads, standardised

from visae._support.errors import VisaeError
from visae.sae import JumpReLU

SETTINGS = [
    {"l0": 0.75, "target": 0.0, "bandwidth": 1.5, "threshold": 1.0},
    {"l0": 0.25, "target": 0.0, "bandwidth": 0.25, "threshold": 1.0},
    {"l0": 0.75, "target": 2.0, "bandwidth": 1.5, "threshold": 1.0},
    {"l0": 2.0, "target": 6.5, "bandwidth": 0.75, "threshold": 1.0},
]
settings = pytest.mark.parametrize("settings", SETTINGS)


@settings
def test_features_and_losses_are_as_the_paper_has_them(settings):
    sae = filled(JumpReLU(width=8, **settings))
    as_the_reference_has_it(sae, standardised(sae), without=("log_threshold",))


def kernel(u):
    """The rectangle, K."""
    return 1.0 if abs(u) < 1 / 2 else 0.0


def pseudo_slopes(sae, z):
    """Of both terms in each threshold, by equations 11 and 12 of the paper, value by value."""
    config, p = sae.config, tensors(sae)
    pre, threshold, n = preactivate(config, p, z), np.exp(p["log_threshold"]), len(z)
    f = np.where(pre > threshold, pre, 0)
    of_f = -2 / n * left(z, f, p["decoder"], p["bias"]) @ p["decoder"].T
    l0 = (f > 0).sum() / n
    price = config.l0 * (2 * (l0 / config.target - 1) / config.target if config.target else 1)
    error, sparsity = np.zeros(config.width), np.zeros(config.width)
    for row in range(n):
        for i in range(config.width):
            near = kernel((pre[row, i] - threshold[i]) / config.bandwidth) / config.bandwidth
            error[i] += of_f[row, i] * -threshold[i] * near
            sparsity[i] += price / n * -near
    # The derivative in the logarithm.
    return {"error": error * threshold, "sparsity": sparsity * threshold}


@settings
@pytest.mark.parametrize("term", ["error", "sparsity"])
def test_thresholds_learn_by_the_pseudo_derivatives(settings, term):
    sae = filled(JumpReLU(width=8, **settings))
    z = standardised(sae)
    expected = pseudo_slopes(sae, z.numpy())[term]
    assert np.count_nonzero(expected) > 0
    np.testing.assert_allclose(grads(sae, z, term)["log_threshold"], expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(("offset", "inside"), [(-0.3, False), (-0.2, True), (0.2, True), (0.3, False)])
def test_the_kernel_is_as_wide_as_the_bandwidth(offset, inside):
    sae = JumpReLU(width=1, bandwidth=0.5, threshold=1.0, l0=1.0, target=0.0).build(1, torch.Generator())
    with torch.no_grad():
        sae.encoder.fill_(1)
    found = grads(sae, torch.tensor([[1 + offset]]), "sparsity")["log_threshold"].item()
    assert found == pytest.approx(-2.0 if inside else 0.0)


def test_a_pre_activation_at_its_threshold_does_not_fire():
    sae = JumpReLU(width=1, threshold=1.0).build(1, torch.Generator())
    with torch.no_grad():
        sae.encoder.fill_(1)
    z = torch.tensor([[0.9], [1.0], [1.1], [-3.0]])
    assert sae.features(z).flatten().tolist() == pytest.approx([0, 0, 1.1, 0])


@pytest.mark.parametrize("target", [1.0, 3.0])
def test_a_target_is_reached(target):
    sae = JumpReLU(width=8, l0=1.0, target=target, bandwidth=0.5, threshold=0.5).build(3, torch.Generator())
    z = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    start = (sae.features(z) > 0).sum(1).double().mean().item()
    assert abs(start - target) > 0.3
    optimiser = torch.optim.Adam([sae.log_threshold], lr=0.02)
    for _ in range(300):
        optimiser.zero_grad()
        sae.losses(z).terms["sparsity"].backward()
        optimiser.step()
    assert (sae.features(z) > 0).sum(1).double().mean().item() == pytest.approx(target, abs=0.1)


def test_a_penalty_lowers_l0_until_nothing_fires():
    sae = JumpReLU(width=8, l0=1.0, target=0.0, bandwidth=0.5, threshold=0.5).build(3, torch.Generator())
    z = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    optimiser, fired = torch.optim.Adam([sae.log_threshold], lr=0.02), []
    for _ in range(100):
        optimiser.zero_grad()
        sae.losses(z).terms["sparsity"].backward()
        optimiser.step()
        fired.append((sae.features(z) > 0).sum().item())
    assert fired == sorted(fired, reverse=True)
    assert fired[-1] < fired[0] / 2


def test_thresholds_start_where_they_are_told_and_stay_positive():
    sae = JumpReLU(width=8, threshold=0.25).build(3, torch.Generator())
    torch.testing.assert_close(sae.log_threshold.detach().exp(), torch.full((8,), 0.25))
    with torch.no_grad():
        sae.log_threshold.fill_(-30)
    assert bool((sae.features(-standardised(sae)) >= 0).all())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0, "l0": 0.5, "target": 0.0}, "width is 0, l0 0.5 and target 0; they must be at least 1, 0 and 0"),
        ({"l0": -1.0}, "l0 -1"),
        ({"l0": float("nan")}, "l0 nan"),
        ({"target": -1.0}, "target -1"),
        ({"target": float("inf")}, "target inf"),
        ({"bandwidth": 0.0}, "bandwidth is 0 and threshold .*; they must be above 0"),
        ({"threshold": 0.0}, "threshold 0; they must be above 0"),
        ({"threshold": float("nan")}, "threshold nan"),
    ],
)
def test_recipes_that_make_no_sense(settings, message):
    with pytest.raises(VisaeError, match=message):
        JumpReLU(**settings)
