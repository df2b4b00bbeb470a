import numpy as np
import pytest
import torch
from constructed_saes import ConstructedSAE, constant, perfect

from visae._support.errors import VisaeError
from visae.metrics import helping, marginal_help
from visae.metrics._helping import _silenced
from visae.sae import PCA, MatchingPursuit, Neurons, TopK, kinds


def rows(count=60, dim=6, seed=0):
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed)) * torch.arange(1.0, dim + 1)


def build(config, dim=6):
    sae = config.build(dim, torch.Generator().manual_seed(1))
    sae.fit_scale(rows().double().mean(0), rows().double().var(0))
    return sae


def from_code(f, directions):
    """An SAE whose code is a table: row i, which is i e_0, has the features f_i."""
    return ConstructedSAE(directions.shape[1], lambda x: f[x[..., 0].long()], lambda f: f @ directions, directions)


def slow_rise(sae, x):
    """The squared error after decoding without each feature, minus that with all of them, in NumPy."""
    with torch.no_grad():
        f = sae.encode(x)
    offset = sae.decode(torch.zeros(1, sae.width)).detach().double().numpy()
    f, exact, directions = f.double().numpy(), x.double().numpy(), sae.directions.double().numpy()
    errors = []
    for feature in [None, *range(sae.width)]:
        without = f.copy()
        if feature is not None:
            without[:, feature] = 0
        errors.append(np.square(exact - without @ directions - offset).sum())
    return np.array(errors[1:]) - errors[0]


@pytest.mark.parametrize("config", [TopK(width=20, k=3), MatchingPursuit(width=20, k=3), PCA(k=2), Neurons(k=3)])
@pytest.mark.parametrize("sizes", [[60], [1, 40, 19]])
def test_the_rise_is_what_decoding_without_the_feature_gives(config, sizes):
    sae, x = build(config), rows()
    assert helping(sae, x.split(sizes)).rise.tolist() == pytest.approx(slow_rise(sae, x), rel=1e-4, abs=1e-2)


def test_features_help_hinder_or_do_nothing():
    directions = torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    # Row 0 is (0, 0), row 1 is (1, 0): feature 0 adds an error of 2^2 to row 0, feature 2 reconstructs row 1.
    sae = from_code(torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), directions)
    measured = helping(sae, [torch.tensor([[0.0, 0.0], [1.0, 0.0]])])
    assert measured.rise.tolist() == [-4, 0, 1]
    assert measured.helps.tolist() == [False, False, True]
    assert measured.fraction == pytest.approx(1 / 3)


def test_every_feature_that_fires_helps_a_least_squares_code():
    """Even random directions: the sum of f_i^2 |d_i|^2 is left, since the residual is orthogonal to what fires."""
    directions = torch.randn(4, 6, generator=torch.Generator().manual_seed(5))
    fit = torch.linalg.pinv(directions)
    sae = ConstructedSAE(6, lambda x: x @ fit, lambda f: f @ directions, directions)
    expected = (sae.encode(rows()) ** 2).sum(0) * directions.square().sum(1)
    assert helping(sae, [rows()]).rise.tolist() == pytest.approx(expected.tolist(), rel=1e-4)


def test_silent_features_do_not_help():
    sae = constant([1.0, 2.0])
    sae._directions = torch.ones(3, 2)
    assert helping(sae, [rows(dim=2)]).rise.tolist() == [0, 0, 0]
    assert helping(sae, []).fraction == 0


def test_a_feature_that_another_replaces_is_not_needed():
    """Two copies of one direction: each helps alone, neither is missed; the third feature is."""
    sae = MatchingPursuit(width=3, k=2).build(2, torch.Generator())
    sae.decoder.data = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    x = torch.tensor([[3.0, 0.0], [2.0, 1.0]])
    assert helping(sae, [x]).rise.tolist() == pytest.approx([13, 0, 1])
    assert marginal_help(sae, x).rise.tolist() == pytest.approx([0, 0, 1])


def test_the_marginal_rise_is_what_a_dictionary_without_the_feature_gives():
    """A TopK SAE with the feature's rows deleted, encoded anew, in place of one with them silenced."""
    sae, x = build(TopK(width=12, k=3)), rows()
    with torch.no_grad():
        whole = (x - sae.decode(sae.encode(x))).double().square().sum()
        rises = []
        for feature in range(12):
            kept = [other for other in range(12) if other != feature]
            smaller = TopK(width=11, k=3).build(6, torch.Generator())
            tensors = {n: t[kept] if len(t.shape) and len(t) == 12 else t for n, t in sae.state_dict().items()}
            smaller.load_state_dict(tensors)
            rises.append(((x - smaller.decode(smaller.encode(x))).double().square().sum() - whole).item())
    before = {name: tensor.clone() for name, tensor in sae.state_dict().items()}
    assert marginal_help(sae, x).rise.tolist() == pytest.approx(rises, rel=1e-4, abs=1e-3)
    assert all(torch.equal(before[name], tensor) for name, tensor in sae.state_dict().items())


def test_only_rows_on_which_the_feature_fires_are_encoded_again():
    f = torch.tensor([[1.0, 0.0, 0.0], [1.0, 2.0, 0.0]])
    sae, asked = from_code(f, torch.eye(3)), []

    def encode_without(x, feature):
        asked.append((feature, x[:, 0].tolist()))
        return torch.zeros(len(x), 3)

    rise = marginal_help(sae, torch.tensor([[0.0, 0, 0], [1.0, 0, 0]]), encode_without).rise
    assert asked == [(0, [0, 1]), (1, [1])]
    # Errors of 1 and 4 with the code, 0 and 1 without any.
    assert rise.tolist() == [-4, -3, 0]


@pytest.mark.parametrize("kind", sorted(name for name, c in kinds().items() if c.__module__.startswith("visae.")))
def test_every_kind_can_be_silenced(kind):
    config = kinds()[kind]
    sae = build(config(width=24) if config.width else config())
    sae.initialise(sae.standardise(rows()))
    sae.refresh()
    x, before = rows(), {name: tensor.clone() for name, tensor in sae.state_dict().items()}
    with torch.no_grad():
        for feature in range(sae.width):
            with _silenced(sae, feature):
                assert not sae.encode(x)[:, feature].any()
    assert all(torch.equal(before[name], tensor) for name, tensor in sae.state_dict().items())


def test_a_kind_that_cannot_be_silenced_is_named():
    sae = perfect(3)
    sae.configs = (TopK(width=3, k=1),)
    with pytest.raises(VisaeError, match=r"feature 0 of kind topk still fires .* give encode_without"):
        marginal_help(sae, rows(dim=3))


@pytest.mark.parametrize("kind", ["mod", "unrolled"])
def test_kinds_that_keep_the_cosines_of_their_features_can_be_measured(kind):
    """A copy made in inference mode has tensors that do not count their versions."""
    sae = build(kinds()[kind](width=16, k=2))
    sae.initialise(sae.standardise(rows()))
    assert (marginal_help(sae, rows()).rise != 0).any()
