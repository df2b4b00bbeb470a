import numpy as np
import pytest
import torch

from visae.errors import VisaeError
from visae.sae import TopK
from visae.sae.topk import strongest

PRE = [
    [3.0, 1.0, 2.0, 5.0, 4.0],
    [-1.0, -2.0, -3.0, -4.0, -5.0],
    [0.0, 0.0, 0.0, 0.0, 0.0],
    [1.0, -1.0, 0.0, -2.0, 0.5],
    [2.0, 2.0, 2.0, 1.0, 3.0],
    [7.0, 7.0, 7.0, 7.0, 7.0],
]


def strongest_slowly(row, k):
    """The k largest positive values where they stand, the first of equal ones first."""
    kept = sorted(range(len(row)), key=lambda place: -row[place])[:k]
    return [value if place in kept and value > 0 else 0.0 for place, value in enumerate(row)]


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("row", [*PRE, *np.random.default_rng(0).normal(0, 1, (20, 5)).tolist()])
def test_the_k_largest_positive_values_are_kept_where_they_stand(row, k):
    pre = torch.tensor([row])
    found = strongest(pre, k)[0]
    expected = strongest_slowly(pre[0].tolist(), k)
    # Which of equal values is kept is free.
    assert sorted(found.tolist()) == sorted(expected)
    assert all(value in (0.0, before) for value, before in zip(found.tolist(), pre[0].tolist(), strict=True))
    if len(set(row)) == len(row):
        assert found.tolist() == expected


def small(**settings):
    """An SAE of 8 features over 3 dimensions, in float64, of which 1, 4, 5 and 6 are dead."""
    settings = {"width": 8, "k": 2, "aux_k": 2, "aux_weight": 0.5, "dead_after": 100} | settings
    source = torch.Generator().manual_seed(0)
    sae = TopK(**settings).build(3, source).double()
    with torch.no_grad():
        sae.encoder += 0.2 * torch.randn(8, 3, generator=source)
        sae.bias.normal_(0, 0.3, generator=source)
        sae.encoder_bias[[1, 4, 5, 6]] = 0.7
        sae.decoder /= sae.decoder.norm(dim=1, keepdim=True)
    sae.idle[[1, 4, 5, 6]] = 101
    return sae, torch.randn(16, 3, generator=source, dtype=torch.float64)


def losses(sae, z):
    """The terms of the loss; what is dead stays dead, so that they can be asked for again."""
    idle = sae.idle.clone()
    terms = sae.losses(z)
    sae.idle.copy_(idle)
    return terms


def only_alive_fire(sae):
    """The pre-activations of what is dead are held below those of what is alive, as they are in training."""
    with torch.no_grad():
        sae.encoder_bias -= 0.3
        sae.encoder_bias[[0, 2, 3, 7]] += 20
    return sae


def numbers(sae):
    return {name: value.detach().numpy().copy() for name, value in sae.named_parameters()}


def pre_slowly(p, z):
    return (z - p["bias"]) @ p["encoder"].T + p["encoder_bias"]


def residual_slowly(p, z, k):
    f = np.array([strongest_slowly(list(row), k) for row in pre_slowly(p, z)])
    return z - f @ p["decoder"] - p["bias"]


def aux_slowly(p, z, residual, dead, aux_k):
    """The share of the residual that the strongest dead features leave."""
    total = 0.0
    for row, left in zip(pre_slowly(p, z), residual, strict=True):
        of_dead = [value if place in dead else 0.0 for place, value in enumerate(row)]
        total += np.square(left - np.array(strongest_slowly(of_dead, aux_k)) @ p["decoder"]).sum()
    return total / np.square(residual).sum()


@pytest.mark.parametrize("k", [1, 2, 8])
def test_the_error_is_as_the_paper_has_it(k):
    sae, z = small(k=k)
    residual = residual_slowly(numbers(sae), z.numpy(), k)
    assert losses(sae, z)["error"].item() == pytest.approx(np.square(residual).sum(1).mean() / 3, rel=1e-12)


@pytest.mark.parametrize("aux_k", [1, 2, 3, 4, 8, 50])
def test_auxk_is_as_the_paper_has_it(aux_k):
    sae, z = small(aux_k=aux_k)
    p, z_slow = numbers(only_alive_fire(sae)), z.numpy()
    expected = 0.5 * aux_slowly(p, z_slow, residual_slowly(p, z_slow, 2), {1, 4, 5, 6}, aux_k)
    assert losses(sae, z)["aux"].item() == pytest.approx(expected, rel=1e-12)


def slope(loss, values, place):
    """Central difference of a loss in one number of one parameter."""
    kept, step = values[place], 1e-6
    values[place] = kept + step
    above = loss()
    values[place] = kept - step
    below = loss()
    values[place] = kept
    return (above - below) / (2 * step)


@pytest.mark.parametrize("name", ["encoder", "encoder_bias", "decoder", "bias"])
def test_auxk_pulls_the_dead_alone_towards_a_residual_that_stands_still(name):
    sae, z = small()
    only_alive_fire(sae)
    losses(sae, z)["aux"].backward()
    p, z_slow = numbers(sae), z.numpy()
    residual = residual_slowly(p, z_slow, 2)

    def loss():
        return 0.5 * aux_slowly(p, z_slow, residual, {1, 4, 5, 6}, 2)

    expected = np.zeros_like(p[name])
    for place in np.ndindex(expected.shape):
        expected[place] = slope(loss, p[name], place)
    found = getattr(sae, name).grad.numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-8)
    assert np.abs(expected).max() > 1e-3
    if name != "bias":
        assert np.abs(found[[0, 2, 3, 7]]).max() == 0


def test_without_dead_features_auxk_is_nothing():
    sae, z = small(dead_after=1000)
    terms = losses(sae, z)
    assert terms["aux"].item() == 0
    (terms["error"] + terms["aux"]).backward()
    with_aux = sae.decoder.grad.clone()
    sae, z = small(aux_k=0)
    terms = losses(sae, z)
    assert list(terms) == ["error"]
    terms["error"].backward()
    assert torch.equal(sae.decoder.grad, with_aux)


def test_a_feature_is_dead_once_it_was_idle_for_longer():
    sae, z = small()
    only_alive_fire(sae)
    sae.idle[:] = 84
    assert losses(sae, z)["aux"].item() == 0, "idle for 100 rows, which is not longer than 100"
    sae.idle[:] = 85
    assert losses(sae, z)["aux"].item() > 0


def test_a_perfect_reconstruction_leaves_finite_gradients():
    sae, z = small()
    with torch.no_grad():
        sae.decoder.zero_()
        sae.bias.zero_()
    terms = losses(sae, 0 * z)
    sum(terms.values()).backward()
    assert all(bool(parameter.grad.isfinite().all()) for parameter in sae.parameters())


def test_the_gradient_along_a_row_is_removed_and_nothing_else():
    sae, z = small()
    losses(sae, z)["error"].backward()
    before, decoder = sae.decoder.grad.numpy().copy(), sae.decoder.detach().numpy()
    sae.before_step()
    after = sae.decoder.grad.numpy()
    np.testing.assert_allclose((after * decoder).sum(1), 0, atol=1e-12)
    along = (before * decoder).sum(1, keepdims=True) * decoder
    np.testing.assert_allclose(after, before - along, atol=1e-12)
    assert np.abs(along).max() > 1e-3


def test_rows_of_the_decoder_stay_on_the_unit_sphere():
    sae, z = small()
    optimiser = torch.optim.Adam(sae.parameters(), lr=0.1)
    for _ in range(10):
        optimiser.zero_grad()
        sum(sae.losses(z).values()).backward()
        sae.before_step()
        optimiser.step()
        sae.after_step()
        torch.testing.assert_close(sae.decoder.norm(dim=1), torch.ones(8, dtype=torch.float64), rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 0}, "k is 0, the width 768; k must be between 1 and the width"),
        ({"k": 9, "width": 8}, "k is 9, the width 8"),
        ({"width": 0}, "the width 0"),
        ({"aux_k": -1}, "aux_k is -1; it must be 0 or more"),
        ({"aux_weight": -0.5}, "aux_weight is -0.5"),
        ({"aux_weight": float("nan")}, "aux_weight is nan"),
        ({"dead_after": -1}, "dead_after is -1"),
    ],
)
def test_recipes_that_make_no_sense(settings, message):
    with pytest.raises(VisaeError, match=message):
        TopK(**settings)
