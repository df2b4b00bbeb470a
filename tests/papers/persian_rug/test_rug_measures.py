import numpy as np
import pytest
import torch
from scipy import stats

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.papers.persian_rug import (
    BREAKING,
    KEEPING,
    build_rug,
    chance_distance,
    dense_loss,
    fit_readout,
    noise_distance,
    sample_inputs,
    symmetry,
)
from visae.papers.persian_rug._measures import off_diagonal, off_diagonal_entries

N, P = 64, 0.1


def test_symmetry_by_hand():
    W = torch.tensor([[1.0, 2, -2], [0, 3, 1], [0.1, 0, 0.2]])
    result = symmetry(W, torch.tensor([-1.0, -2, -3]))
    diagonal, energy, entries = np.array([1, 3, 0.2]), np.array([8, 1, 0.01]), [2, -2, 0, 1, 0.1, 0]
    assert result.diagonal == pytest.approx(diagonal.var() / diagonal.mean() ** 2)
    assert result.bias == pytest.approx((2 / 3) / 4)
    assert result.row_energy == pytest.approx(energy.var() / energy.mean() ** 2)
    assert result.energy == pytest.approx(energy.mean() / diagonal.mean() ** 2)
    assert result.skewness == pytest.approx(stats.skew(entries))
    assert result.unlearned == pytest.approx(1 / 3)


def test_a_rug_is_symmetric():
    result = symmetry(build_rug(128, 0.25, 0).weights(), torch.full((128,), -0.3))
    assert max(result.diagonal, result.bias, result.row_energy, result.unlearned) < 1e-12
    assert result.energy == pytest.approx(3)


def test_off_diagonal():
    W = torch.arange(16.0).reshape(4, 4)
    assert off_diagonal_entries(W).tolist() == [[1, 2, 3], [4, 6, 7], [8, 9, 11], [12, 13, 14]]
    assert off_diagonal(W).diagonal().tolist() == [0] * 4
    assert off_diagonal(W).sum() == off_diagonal_entries(W).sum()


def test_distances_are_scipys():
    W = torch.randn(70, 70, generator=torch.Generator().manual_seed(0))
    x = sample_inputs(500, 70, P, generator(0, "test"))
    rows, inputs = off_diagonal(W).double().numpy(), x.double().numpy()
    expected = []
    for row in rows:
        scale = np.sqrt((P / 3 - P**2 / 4) * (row**2).sum())
        expected.append(stats.kstest(inputs @ row, "norm", args=(P / 2 * row.sum(), scale)).statistic)
    np.testing.assert_allclose(noise_distance(W, P, x).numpy(), expected, atol=1e-4)


def test_distance_of_a_gaussian_is_chance():
    random = np.random.default_rng(0)
    distances = [stats.kstest(random.standard_normal(400), "norm").statistic for _ in range(600)]
    assert chance_distance(400) == pytest.approx(np.mean(distances), rel=0.05)


def test_noise_of_rugs_becomes_gaussian():
    distances = []
    for n in (32, 128, 512):
        x = sample_inputs(2000, n, 0.045, generator(0, "test", n))
        distances.append(noise_distance(build_rug(n, 0.25, 0).weights(), 0.045, x).mean().item())
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 4 * chance_distance(2000)
    assert distances[-1] < 1.3 * chance_distance(2000)


def test_density_out_of_range():
    with pytest.raises(VisaeError, match="p is 2;"):
        noise_distance(torch.eye(4), 2.0, torch.zeros(3, 4))


@pytest.fixture(scope="module")
def weights():
    """Weights without any symmetry, and biases."""
    source = torch.Generator().manual_seed(0)
    return torch.randn(N, N, generator=source) + 3 * torch.eye(N), torch.randn(N, generator=source)


def change(name, W, b, seed=0):
    before = W.clone(), b.clone()
    changed = (KEEPING | BREAKING)[name](W, b, generator(seed, name))
    assert torch.equal(W, before[0])
    assert torch.equal(b, before[1])
    return changed


def energy(W):
    return off_diagonal_entries(W).double().square().sum(1)


def in_order(values):
    return values.flatten().sort().values


def test_loss_by_hand():
    W, b, x = torch.tensor([[1.0, -1], [0, 2]]), torch.tensor([0.0, -1]), torch.tensor([[1.0, 0], [0.5, 1]])
    # Outputs (1, 0) and (0, 1).
    assert dense_loss(W, b, x) == pytest.approx(0.25 / 4)


@pytest.mark.parametrize("name", [*KEEPING, *BREAKING])
def test_changes_change_something_and_repeat(weights, name):
    W, b = weights
    changed, bias = change(name, W, b)
    assert not torch.equal(changed, W) or not torch.equal(bias, b)
    again, _ = change(name, W, b)
    assert torch.equal(changed, again)


def test_shuffle_within_rows(weights):
    W, b = weights
    changed, bias = change("off-diagonal, within rows", W, b)
    entries = off_diagonal_entries(changed)
    assert torch.equal(changed.diagonal(), W.diagonal())
    assert torch.equal(bias, b)
    assert torch.equal(entries.sort(1).values, off_diagonal_entries(W).sort(1).values)
    # Every row in an order of its own.
    assert len({tuple(row) for row in entries.argsort(1).argsort(1).tolist()}) == N


def test_shuffle_anywhere(weights):
    W, b = weights
    changed, _ = change("off-diagonal, anywhere", W, b)
    assert torch.equal(changed.diagonal(), W.diagonal())
    assert torch.equal(in_order(off_diagonal_entries(changed)), in_order(off_diagonal_entries(W)))
    assert not torch.allclose(energy(changed), energy(W))


def test_gaussian_entries(weights):
    W, b = weights
    changed, _ = change("off-diagonal made Gaussian", 2 * W + 0.5, b)
    entries = off_diagonal_entries(changed)
    assert torch.equal(changed.diagonal(), (2 * W + 0.5).diagonal())
    assert entries.mean().item() == pytest.approx(0.5, abs=0.15)
    assert entries.std().item() == pytest.approx(2, rel=0.05)


def test_equal_diagonal_and_bias(weights):
    W, b = weights
    changed, bias = change("diagonal and bias made even", W, b)
    assert torch.equal(off_diagonal_entries(changed), off_diagonal_entries(W))
    assert changed.diagonal().tolist() == pytest.approx([W.diagonal().mean().item()] * N)
    assert bias.tolist() == pytest.approx([b.mean().item()] * N)


def test_shuffled_biases(weights):
    W, b = weights
    changed, bias = change("biases", W, b)
    assert torch.equal(changed, W)
    assert torch.equal(in_order(bias), in_order(b))


def test_whole_rows(weights):
    W, b = weights
    changed, _ = change("whole rows' entries, diagonal too", W, b)
    assert torch.equal(changed.sort(1).values, W.sort(1).values)
    assert (changed.diagonal() == W.diagonal()).sum() < N / 4
    changed, bias = change("rows", W, b)
    pairs = {(tuple(row), float(value)) for row, value in zip(W.tolist(), b, strict=True)}
    assert {(tuple(row), float(value)) for row, value in zip(changed.tolist(), bias, strict=True)} == pairs


def test_energies(weights):
    W, b = weights
    for name, factor in (("off-diagonal 1.5 times larger", 2.25), ("off-diagonal into 4 entries", 1)):
        changed, _ = change(name, W, b)
        assert torch.equal(changed.diagonal(), W.diagonal())
        torch.testing.assert_close(energy(changed), factor * energy(W), rtol=1e-5, atol=0)
    assert (off_diagonal_entries(changed) != 0).sum(1).tolist() == [4] * N
    changed, _ = change("rows' energies made unequal", W, b)
    np.testing.assert_allclose((energy(changed) / energy(W)).numpy(), np.tile([0.2, 1.8], N // 2), rtol=1e-5)


def test_what_keeps_the_loss_of_a_rug():
    rug = build_rug(256, 0.25, 0)
    readout = fit_readout(rug, P, 2000, 0).readout
    W, b = readout.gain * rug.weights(), torch.full((256,), readout.gain * readout.shift)
    x = sample_inputs(4000, 256, P, generator(0, "test"))
    before = dense_loss(W, b, x)
    for name in KEEPING:
        assert dense_loss(*change(name, W, b), x) == pytest.approx(before, rel=0.1), name
    for name in BREAKING:
        assert dense_loss(*change(name, W, b), x) > 1.05 * before, name
