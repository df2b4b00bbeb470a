import numpy as np
import pytest
import torch
from contract import check_contract
from slow_saes import pre_activations, residuals, tensors
from small_saes import check_against_reference, gradients, random_sae, standardised

from visae._support.errors import VisaeError
from visae.sae import JumpReLU

SETTINGS = [
    {"l0": 0.75, "target": 0.0, "bandwidth": 1.5, "threshold": 1.0},
    {"l0": 0.25, "target": 0.0, "bandwidth": 0.25, "threshold": 1.0},
    {"l0": 0.75, "target": 2.0, "bandwidth": 1.5, "threshold": 1.0},
    {"l0": 2.0, "target": 6.5, "bandwidth": 0.75, "threshold": 1.0},
]
with_settings = pytest.mark.parametrize("settings", SETTINGS)


def test_contract(tmp_path):
    check_contract(JumpReLU(width=8, l0=0.75, target=0.0, bandwidth=1.5, threshold=0.5), tmp_path)


@with_settings
def test_features_losses_and_gradients_match_the_reference(settings):
    sae = random_sae(JumpReLU(width=8, **settings))
    check_against_reference(sae, standardised(sae), without=("log_threshold",))


def rectangle(u):
    """The kernel K."""
    return 1.0 if abs(u) < 1 / 2 else 0.0


def pseudo_derivatives(sae, z):
    """Differentiate both terms for each threshold by equations 11 and 12 of the paper, value by value."""
    config, p = sae.config, tensors(sae)
    pre, threshold, n = pre_activations(config, p, z), np.exp(p["log_threshold"]), len(z)
    f = np.where(pre > threshold, pre, 0)
    error_by_f = -2 / n * residuals(z, f, p["decoder"], p["bias"]) @ p["decoder"].T
    l0 = (f > 0).sum() / n
    by_target = 5 * z.shape[1] * 2 * (l0 / config.target - 1) / config.target if config.target else 0
    sparsity_by_l0 = by_target if config.target else config.l0
    error, sparsity = np.zeros(config.width), np.zeros(config.width)
    for row in range(n):
        for i in range(config.width):
            near = rectangle((pre[row, i] - threshold[i]) / config.bandwidth) / config.bandwidth
            error[i] += error_by_f[row, i] * -threshold[i] * near
            sparsity[i] += sparsity_by_l0 / n * -near
    # By the chain rule for the logarithm of the threshold.
    return {"error": error * threshold, "sparsity": sparsity * threshold}


@with_settings
@pytest.mark.parametrize("term", ["error", "sparsity"])
def test_thresholds_are_trained_by_the_pseudo_derivatives(settings, term):
    sae = random_sae(JumpReLU(width=8, **settings))
    z = standardised(sae)
    expected = pseudo_derivatives(sae, z.numpy())[term]
    assert np.count_nonzero(expected) > 0
    np.testing.assert_allclose(gradients(sae, z, term)["log_threshold"], expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(("offset", "is_inside"), [(-0.3, False), (-0.2, True), (0.2, True), (0.3, False)])
def test_the_kernel_is_as_wide_as_the_bandwidth(offset, is_inside):
    sae = JumpReLU(width=1, bandwidth=0.5, threshold=1.0, l0=1.0, target=0.0).build(1, torch.Generator())
    with torch.no_grad():
        sae.encoder.fill_(1)
    gradient = gradients(sae, torch.tensor([[1 + offset]]), "sparsity")["log_threshold"].item()
    assert gradient == pytest.approx(-2.0 if is_inside else 0.0)


def test_a_pre_activation_at_its_threshold_does_not_fire():
    sae = JumpReLU(width=1, threshold=1.0).build(1, torch.Generator())
    with torch.no_grad():
        sae.encoder.fill_(1)
    z = torch.tensor([[0.9], [1.0], [1.1], [-3.0]])
    assert sae.features(z).flatten().tolist() == pytest.approx([0, 0, 1.1, 0])


def train_thresholds(config, steps):
    """Train the thresholds alone by the sparsity term; return how many features fire in a row, before each step."""
    sae = config.build(3, torch.Generator())
    z = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    optimiser, l0 = torch.optim.Adam([sae.log_threshold], lr=0.05), []
    for _ in range(steps):
        l0.append((sae.features(z) > 0).sum(1).double().mean().item())
        optimiser.zero_grad()
        sae.losses(z).terms["sparsity"].backward()
        optimiser.step()
    return l0


@pytest.mark.parametrize("target", [1.0, 3.0])
def test_l0_reaches_its_target(target):
    l0 = train_thresholds(JumpReLU(width=8, l0=1.0, target=target, bandwidth=0.5, threshold=0.5), 120)
    assert abs(l0[0] - target) > 0.3
    assert l0[-1] == pytest.approx(target, abs=0.1)


def test_a_penalty_lowers_l0_steadily():
    l0 = train_thresholds(JumpReLU(width=8, l0=1.0, target=0.0, bandwidth=0.5, threshold=0.5), 40)
    assert l0 == sorted(l0, reverse=True)
    assert l0[-1] < l0[0] / 2


def test_thresholds_start_at_their_setting_and_stay_positive():
    sae = JumpReLU(width=8, threshold=0.25).build(3, torch.Generator())
    torch.testing.assert_close(sae.log_threshold.detach().exp(), torch.full((8,), 0.25))
    with torch.no_grad():
        sae.log_threshold.fill_(-30)
    assert bool((sae.features(-standardised(sae)) >= 0).all())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0, "l0": 0.5, "target": 0.0}, "width is 0, l0 0.5 and target 0"),
        ({"l0": -1.0}, "l0 -1"),
        ({"l0": float("nan")}, "l0 nan"),
        ({"target": -1.0}, "target -1"),
        ({"target": float("inf")}, "target inf"),
        ({"bandwidth": 0.0}, "bandwidth is 0 and threshold"),
        ({"threshold": 0.0}, "threshold 0;"),
        ({"threshold": float("nan")}, "threshold nan"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(VisaeError, match=message):
        JumpReLU(**settings)


def test_at_the_start_the_silent_row_is_reconstructed_without_features():
    sae = JumpReLU(width=8).build(3, torch.Generator().manual_seed(0))
    sae.fit_scale(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 4.0, 4.0]))
    sae.initialise(torch.zeros(5, 3))
    silent = torch.zeros(1, 3)
    assert not sae.encode(silent).any()
    torch.testing.assert_close(sae.decode(sae.encode(silent)), silent)
