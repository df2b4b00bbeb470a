import math
from collections import Counter

import numpy as np
import pytest
import torch
from constructed_saes import ConstructedSAE

from visae._support.errors import VisaeError
from visae.metrics import description_length, gaussian_bits, neurons_description_length
from visae.metrics._description_length import _code_bits


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def of_code(f, directions):
    """An SAE whose code of all rows is f."""
    dim = directions.shape[1]
    return ConstructedSAE(dim, lambda x: f[: len(x)], lambda values: values @ directions, directions)


def planted(n=6000, dim=12, width=30, l0=1.5, seed=0):
    """Sparse codes over random directions, and the rows they make."""
    directions = torch.nn.functional.normalize(torch.randn(width, dim, generator=generator(seed)), dim=1)
    fires = torch.rand(n, width, generator=generator(seed + 1)) < l0 / width
    f = fires * (1 + torch.rand(n, width, generator=generator(seed + 2)))
    return f, directions, f @ directions


def code_bits(q):
    rows, features = q.nonzero(as_tuple=True)
    return _code_bits(features, q[rows, features].long(), *q.shape)


def slow_code_bits(q):
    """The entropy of every feature's values, and of its firing alone, with Miller's correction."""
    support = total = 0.0
    for column in q.T.tolist():
        for values in (column, [value != 0 for value in column]):
            p = np.array(list(Counter(values).values())) / len(values)
            bits = -(p * np.log2(p)).sum() + (len(p) - 1) / (2 * len(values)) / math.log(2)
            support, total = (support, total + bits) if values is column else (support + bits, total)
    return support, total - support


@pytest.mark.parametrize("rate", [0, 0.1, 1])
def test_the_bits_of_a_code_equal_the_slow_reference(rate):
    q = torch.randint(-3, 9, (200, 7), generator=generator()) * (torch.rand(200, 7, generator=generator(1)) <= rate)
    q[:, 2] = 0
    q[:, 3] = 4
    assert code_bits(q) == pytest.approx(slow_code_bits(q), abs=1e-12)


def test_a_code_that_says_nothing_takes_no_bits_and_a_coin_takes_one():
    assert code_bits(torch.zeros(10, 3, dtype=torch.float64)) == (0, 0)
    correction = 1 / (2 * 1000 * math.log(2))
    coins = torch.tensor([0.0, 5.0], dtype=torch.float64).repeat(500)[:, None]
    assert code_bits(coins) == pytest.approx((1 + correction, 0))
    assert code_bits(coins - 1) == pytest.approx((0, 1 + correction))


def slow_gaussian_bits(variances, error):
    """The water level by bisection."""
    low, high = 0.0, max(variances)
    for _ in range(200):
        level = (low + high) / 2
        low, high = (level, high) if np.minimum(variances, level).sum() < error else (low, level)
    return 0.5 * np.log2(np.maximum(variances / high, 1)).sum()


@pytest.mark.parametrize("share", [0.001, 0.05, 0.3, 0.9])
def test_water_filling_equals_bisection(share):
    variances = np.random.default_rng(0).exponential(size=9) ** 2
    rotation = torch.linalg.qr(torch.randn(9, 9, generator=generator(), dtype=torch.float64)).Q
    covariance = rotation * torch.from_numpy(variances) @ rotation.T
    error = share * variances.sum()
    assert gaussian_bits(covariance, error) == pytest.approx(slow_gaussian_bits(variances, error))


def test_known_rates():
    white = torch.eye(3, dtype=torch.float64)
    assert gaussian_bits(white, 3 / 16) == pytest.approx(3 * 2)
    assert gaussian_bits(torch.diag(torch.tensor([4.0, 1e-3]).double()), 1 + 1e-3) == pytest.approx(1)
    assert gaussian_bits(white, 3.0) == gaussian_bits(white, 5.0) == 0
    assert gaussian_bits(torch.zeros(2, 2, dtype=torch.float64), 0.0) == 0


def test_without_features_rows_take_a_gaussian_code():
    x = torch.randn(3000, 4, generator=generator()) * torch.tensor([4.0, 2.0, 1.0, 0.5])
    described = description_length(of_code(torch.zeros(3000, 2), torch.ones(2, 4)), x, 0.1)
    covariance = torch.from_numpy(np.cov(x.double().numpy().T, bias=True))
    assert described.bits == pytest.approx(gaussian_bits(covariance, 0.1 * covariance.trace().item()))
    assert described.bits == described.gaussian_bits == described.residual_bits
    assert (described.support_bits, described.value_bits, described.l0, described.step) == (0, 0, 0, math.inf)
    # White noise of variance 1 at an error of 1 / 16: 2 bits a neuron.
    white = torch.randn(20_000, 3, generator=generator())
    assert neurons_description_length(white, 1 / 16).gaussian_bits == pytest.approx(6, abs=0.01)


def test_nothing_beats_the_gaussian_code_on_gaussian_rows_and_scalars_come_near():
    """Entropy-coded uniform quantisation is at most log2(pi e / 6) / 2 = .2546 bits a neuron above the bound."""
    x = torch.randn(20_000, 3, generator=generator())
    described = neurons_description_length(x, 1 / 64)
    assert described.bits == pytest.approx(9, abs=0.02)
    assert described.bits <= described.gaussian_bits < described.bits + 0.02


@pytest.mark.parametrize("step", [0.5, 1.0])
def test_the_description_equals_a_slow_one_with_the_same_step(step, monkeypatch):
    """Quantised, decoded and coded in NumPy, for a dictionary with an offset and directions of any length."""
    monkeypatch.setattr("visae.metrics._description_length._STEPS", (step,))
    monkeypatch.setattr("visae.metrics._description_length._DEAD_ZONES", (1.0,))
    f, directions, x = planted(n=400)
    scale = torch.linspace(0.5, 3, 30)
    described = description_length(of_code(f / scale, directions * scale[:, None]), x + 5, 0.1)
    exact, values, unit = x.double().numpy(), f.double().numpy(), directions.double().numpy()
    error = 0.1 * exact.var(0).sum()
    size = step * np.sqrt(error)
    q = np.where(values >= size, np.round(values / size), 0)
    support, inside = slow_code_bits(q)
    residual = gaussian_bits(torch.from_numpy(np.cov((exact - size * q @ unit).T, bias=True)), error)
    assert described.step == pytest.approx(size)
    assert described.l0 == pytest.approx((q != 0).sum(1).mean())
    parts = described.support_bits, described.value_bits, described.residual_bits
    assert parts == pytest.approx((support, inside, residual), rel=1e-4)
    assert described.bits == pytest.approx(sum(parts))


def test_the_true_dictionary_takes_fewer_bits_than_neurons_and_random_directions():
    f, directions, x = planted()
    true = description_length(of_code(f, directions), x)
    neurons = neurons_description_length(x)
    random = torch.nn.functional.normalize(torch.randn(30, 12, generator=generator(9)), dim=1)
    greedy = greedy_code(x, random, 3)
    assert true.bits < 0.6 * neurons.bits
    assert description_length(of_code(greedy, random), x).bits > 1.5 * true.bits
    # Which of 30 features fire, 1.5 a row, is most of it, and known.
    p = 1.5 / 30
    assert true.support_bits == pytest.approx(30 * -(p * math.log2(p) + (1 - p) * math.log2(1 - p)), rel=0.02)
    assert true.residual_bits < 0.05 * true.bits


def greedy_code(x, directions, k):
    """k steps of matching pursuit."""
    f, residual = torch.zeros(len(x), len(directions)), x.clone()
    for _ in range(k):
        value, column = (residual @ directions.T).clamp_min(0).max(1, keepdim=True)
        f.scatter_add_(1, column, value)
        residual = residual - value * directions[column[:, 0]]
    return f


def test_bits_are_least_at_the_true_l0():
    """A code that keeps fewer than all values leaves a dear residual; one with values to spare is dearer too."""
    f, directions, x = planted(l0=3)
    kept = [f * (f >= f.topk(k, dim=1).values[:, -1:]) for k in (1, 3, 4)]
    rarely = torch.rand(f.shape, generator=generator(5)) < 0.05
    spurious = f + (f == 0) * rarely * torch.rand(f.shape, generator=generator(6))
    bits = [description_length(of_code(code, directions), x, 0.05).bits for code in [*kept, f, spurious]]
    assert bits[0] > bits[1] > bits[2] > bits[3] < bits[4]


def test_the_lengths_of_directions_do_not_matter():
    f, directions, x = planted(n=500)
    scale = torch.linspace(0.1, 10, 30)[:, None]
    one, other = (description_length(of_code(f / s[:, 0], directions * s), x) for s in (torch.ones(30, 1), scale))
    assert vars(one) == pytest.approx(vars(other), rel=1e-5)


def test_more_error_takes_fewer_bits():
    _, _, x = planted(n=500)
    bits = [neurons_description_length(x, distortion).bits for distortion in (0.01, 0.05, 0.2, 0.9)]
    assert bits == sorted(bits, reverse=True)
    assert neurons_description_length(torch.ones(5, 3)).bits == 0


@pytest.mark.parametrize("distortion", [0.0, 1.0, -0.1, math.nan])
def test_other_distortions_are_refused(distortion):
    with pytest.raises(VisaeError, match=r"the distortion is .* between 0 and 1"):
        neurons_description_length(torch.ones(3, 2), distortion)


def test_one_row_is_refused():
    with pytest.raises(VisaeError, match="2 rows or more, and was given 1"):
        neurons_description_length(torch.ones(1, 2))
