"""LASSO by FISTA, against scikit-learn's coordinate descent."""

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.decomposition import sparse_encode

from visae.sae._lasso import lasso


def objective(f, z, decoder, l1):
    return 0.5 * np.square(z - f @ decoder).sum(1) + l1 * f.sum(1)


def test_codes_are_scikit_learns():
    generator = torch.Generator().manual_seed(0)
    decoder = F.normalize(torch.randn(20, 8, generator=generator, dtype=torch.float64).relu() + 0.05, dim=1)
    z = torch.rand(50, 8, generator=generator, dtype=torch.float64)
    f = lasso(z, decoder, 0.2).numpy()
    settings = {"algorithm": "lasso_cd", "alpha": 0.2, "positive": True, "max_iter": 100_000}
    expected = sparse_encode(z.numpy(), decoder.numpy(), **settings)
    np.testing.assert_allclose(f, expected, atol=2e-3)
    lowest = objective(expected, z.numpy(), decoder.numpy(), 0.2)
    np.testing.assert_allclose(objective(f, z.numpy(), decoder.numpy(), 0.2), lowest, rtol=1e-4)


def test_orthogonal_directions_are_soft_thresholded():
    z = torch.tensor([[1.0, 0.1, -0.5], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(lasso(z, torch.eye(3), 0.25), torch.tensor([[0.75, 0.0, 0.0], [0.0, 0.0, 0.0]]))
