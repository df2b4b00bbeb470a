import numpy as np
import pytest
import torch

from visae.examples import DatasetExamples, Examples
from visae.networks import Layer


def test_rank_error_matches_repeated_sampling():
    source = np.random.default_rng(0)
    n, total, j = 16, 100, 12
    ranks = [np.sort(source.permutation(total)[:n])[j - 1] + 1 for _ in range(20_000)]
    zeros, layer = torch.zeros(1, 1), Layer("made", 1, 1, 1, 0.0)
    empty = Examples(layer, zeros, *(zeros.long() for _ in range(3)))
    rank = torch.tensor([[j / (n + 1)]])
    sampled = DatasetExamples(empty, empty, rank, torch.tensor([n]), torch.tensor([total]), total, 0)
    assert np.mean(ranks) / (total + 1) == pytest.approx(rank.item(), rel=0.01)
    assert np.std(ranks) / (total + 1) == pytest.approx(sampled.rank_error().item(), rel=0.03)
    exact = DatasetExamples(empty, empty, rank, torch.tensor([n]), torch.tensor([n]), total, 0)
    assert exact.rank_error().item() == 0
