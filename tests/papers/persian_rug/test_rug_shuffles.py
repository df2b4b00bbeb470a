import numpy as np
import pytest
import torch

from visae._support.seeds import generator
from visae.papers.persian_rug import BREAKING, KEEPING, dense_loss, engineered, sparse, weave
from visae.papers.persian_rug._symmetry import others

N, P = 64, 0.1


@pytest.fixture(scope="module")
def made():
    """Weights without any symmetry, and biases."""
    source = torch.Generator().manual_seed(0)
    return torch.randn(N, N, generator=source) + 3 * torch.eye(N), torch.randn(N, generator=source)


def changed(name, W, b, seed=0):
    before = W.clone(), b.clone()
    found = (KEEPING | BREAKING)[name](W, b, generator(seed, name))
    assert torch.equal(W, before[0])
    assert torch.equal(b, before[1])
    return found


def energy(W):
    return others(W).double().square().sum(1)


def in_order(values):
    return values.flatten().sort().values


def test_the_loss_by_hand():
    W, b, x = torch.tensor([[1.0, -1], [0, 2]]), torch.tensor([0.0, -1]), torch.tensor([[1.0, 0], [0.5, 1]])
    # Answers (1, 0) and (0, 1).
    assert dense_loss(W, b, x) == pytest.approx(0.25 / 4)


@pytest.mark.parametrize("name", [*KEEPING, *BREAKING])
def test_it_changes_what_it_says(made, name):
    W, b = made
    found, bias = changed(name, W, b)
    assert not torch.equal(found, W) or not torch.equal(bias, b)
    again, _ = changed(name, W, b)
    assert torch.equal(found, again)


def test_within_rows(made):
    W, b = made
    found, bias = changed("off-diagonal, within rows", W, b)
    assert torch.equal(found.diagonal(), W.diagonal())
    assert torch.equal(bias, b)
    assert torch.equal(others(found).sort(1).values, others(W).sort(1).values)
    # Every row in an order of its own.
    assert len({tuple(row) for row in others(found).argsort(1).argsort(1).tolist()}) == N


def test_anywhere(made):
    W, b = made
    found, _ = changed("off-diagonal, anywhere", W, b)
    assert torch.equal(found.diagonal(), W.diagonal())
    assert torch.equal(in_order(others(found)), in_order(others(W)))
    assert not torch.allclose(energy(found), energy(W))


def test_gaussian(made):
    W, b = made
    found, _ = changed("off-diagonal made Gaussian", 2 * W + 0.5, b)
    assert torch.equal(found.diagonal(), (2 * W + 0.5).diagonal())
    assert others(found).mean().item() == pytest.approx(0.5, abs=0.15)
    assert others(found).std().item() == pytest.approx(2, rel=0.05)


def test_means(made):
    W, b = made
    found, bias = changed("diagonal and bias made even", W, b)
    assert torch.equal(others(found), others(W))
    assert found.diagonal().tolist() == pytest.approx([W.diagonal().mean().item()] * N)
    assert bias.tolist() == pytest.approx([b.mean().item()] * N)


def test_biases(made):
    W, b = made
    found, bias = changed("biases", W, b)
    assert torch.equal(found, W)
    assert torch.equal(in_order(bias), in_order(b))


def test_with_diagonal_and_rows(made):
    W, b = made
    found, _ = changed("whole rows' entries, diagonal too", W, b)
    assert torch.equal(found.sort(1).values, W.sort(1).values)
    assert (found.diagonal() == W.diagonal()).sum() < N / 4
    found, bias = changed("rows", W, b)
    pairs = {(tuple(row), float(of)) for row, of in zip(W.tolist(), b, strict=True)}
    assert {(tuple(row), float(of)) for row, of in zip(found.tolist(), bias, strict=True)} == pairs


def test_energies(made):
    W, b = made
    for name, factor in (("off-diagonal 1.5 times larger", 2.25), ("off-diagonal into 4 entries", 1)):
        found, _ = changed(name, W, b)
        assert torch.equal(found.diagonal(), W.diagonal())
        torch.testing.assert_close(energy(found), factor * energy(W), rtol=1e-5, atol=0)
    assert (others(found) != 0).sum(1).tolist() == [4] * N
    found, _ = changed("rows' energies made unequal", W, b)
    np.testing.assert_allclose((energy(found) / energy(W)).numpy(), np.tile([0.2, 1.8], N // 2), rtol=1e-5)


def test_a_rug_keeps_its_loss_or_not():
    rug = weave(256, 0.25, 0)
    readout = engineered(rug, [P], 2000, 0)[0].readout
    W, b = readout.gain * rug.weights(), torch.full((256,), readout.gain * readout.shift)
    x = sparse(4000, 256, P, generator(0, "test"))
    before = dense_loss(W, b, x)
    for name in KEEPING:
        assert dense_loss(*changed(name, W, b), x) == pytest.approx(before, rel=0.1), name
    for name in BREAKING:
        assert dense_loss(*changed(name, W, b), x) > 1.05 * before, name
