"""Online dictionary learning."""

import pytest
import torch
import torch.nn.functional as F
from contract import check_contract
from learned import DIM, WIDTH, learned, planted_rows, started
from sklearn.decomposition import MiniBatchDictionaryLearning, sparse_encode

from visae.metrics import recovery
from visae.sae import Online

L1 = 0.1


def test_contract(tmp_path):
    check_contract(Online(width=12, k=2), tmp_path)


def test_a_sweep_is_block_coordinate_descent():
    """Direction by direction, each given those that moved before it."""
    sae, _ = learned(Online(width=8, k=2), batches=2, batch=64)
    sae.moments.copy_(torch.eye(8) + 0.1)
    sae.products.copy_(torch.rand(8, DIM, generator=torch.Generator().manual_seed(1)))
    expected = sae.decoder.clone()
    for j in range(8):
        own = expected[j] + (sae.products[j] - sae.moments[j] @ expected) / sae.moments[j, j]
        expected[j] = own / own.norm()
    sae._sweep()
    torch.testing.assert_close(sae.decoder, expected)


def test_early_batches_are_forgotten():
    sae, _ = learned(Online(width=8, k=2), batches=1, batch=64)
    before = sae.moments.clone()
    sae.learn(sae.standardise(planted_rows(64)[0] * 0))
    torch.testing.assert_close(sae.moments, before * (1 - 1 / 3) ** 15)


def learned_by_peer(start, x):
    """scikit-learn's directions, at unit norm, after the same rows in the same batches from the same start."""
    peer = MiniBatchDictionaryLearning(
        WIDTH,
        alpha=L1,
        batch_size=512,
        max_iter=1,
        shuffle=False,
        dict_init=start.decoder.double().numpy(),
        fit_algorithm="cd",
        positive_code=True,
        max_no_improvement=None,
        tol=0,
    )
    peer.fit((start.standardise(x) - start.bias).double().numpy())
    return F.normalize(torch.from_numpy(peer.components_).float(), dim=1)


def objective(decoder, z):
    """|z - f D|^2 / 2 + L1 |f| of a row, with scikit-learn's codes."""
    f = sparse_encode(z.numpy(), decoder.numpy(), algorithm="lasso_cd", alpha=L1, positive=True)
    f = torch.from_numpy(f).float()
    return ((z - f @ decoder).square().sum(1) / 2 + L1 * f.sum(1)).mean().item()


# Its coordinate descent stops short of its tolerance on some rows.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.slow
def test_learning_from_lasso_codes_reaches_what_scikit_learn_reaches():
    """The objective on other rows, as judged by scikit-learn; it forgets early codes more slowly."""
    config, batches = Online(width=WIDTH, k=2, l1=L1), 20
    x, truth = planted_rows(512 * batches)
    start = started(config, x)
    own, peer = learned(config, batches)[0].decoder, learned_by_peer(start, x)
    other = start.standardise(planted_rows(500, seed=5)[0]) - start.bias
    before, reached = objective(start.decoder, other), objective(peer, other)
    assert reached < 0.7 * before
    assert objective(own, other) < 1.02 * reached
    assert recovery(own, truth).mean_cosine > recovery(peer, truth).mean_cosine - 0.02
