from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_saes import AUX, force_decoding, kind, random_sae, standardised

from visae.sae import Archetypal, BatchTopK, Matryoshka, TopK, stack
from visae.sae._sparse_code import Code, Dense, SparseCode, sparse_code, sparse_pays
from visae.sae._topk_select import topk_dense, topk_entries

CONFIGS = [
    TopK(**AUX),
    BatchTopK(**AUX),
    Matryoshka(**AUX, levels=3),
    Archetypal(**AUX, centroids=5, delta=0.5),
]
# Makes every pre-activation negative in an SAE whose encoder is positive in the first dimension.
SILENT = torch.tensor([[-1e6, 0, 0]], dtype=torch.float64)
BATCHES = {
    "default": lambda z: z,
    "silent rows": lambda z: torch.cat([z[:3], SILENT, z[3:], SILENT]),
    "one row": lambda z: z[:1],
    "only silent rows": lambda z: SILENT.repeat(len(z), 1),
}


def train(sae, batches):
    """Train a copy by gradient descent; return terms, gradients and buffers at each batch."""
    sae, states = deepcopy(sae), []
    for z in batches:
        sae.zero_grad()
        terms, fired = sae.losses(z)
        torch.stack(list(terms.values())).sum().backward()
        gradients = {name: parameter.grad.clone() for name, parameter in sae.named_parameters()}
        buffers = {name: value.clone() for name, value in sae.named_buffers()}
        states.append({**terms, **gradients, **buffers, "fired": fired.double()})
        with torch.no_grad():
            for parameter in sae.parameters():
                parameter -= 0.01 * parameter.grad.clamp(-1, 1)
    return states


# From -1 the threshold is unknown; from others the search begins with a guess, which 50 has far too high.
THRESHOLDS = [*((config, -1.0) for config in CONFIGS), (CONFIGS[1], 0.5), (CONFIGS[1], 50.0), (CONFIGS[2], 50.0)]


@pytest.mark.slow
@pytest.mark.parametrize(("config", "threshold"), THRESHOLDS, ids=lambda value: getattr(value, "kind", value))
@pytest.mark.parametrize(
    ("batch", "k", "stacked"),
    [
        ("default", 1, False),
        ("default", 8, False),
        ("silent rows", 7, False),
        ("one row", 3, False),
        ("only silent rows", 2, False),
        ("default", 1, True),
        ("silent rows", 7, True),
        ("only silent rows", 2, True),
    ],
)
def test_sparse_and_dense_decoding_train_alike(monkeypatch, config, batch, k, stacked, threshold):
    """With k of 7 and 8 a batch has fewer positive values than may fire."""
    config = replace(config, k=k)
    sae = random_sae(config)
    if stacked:
        sae = stack([sae, random_sae(replace(config, k=2), seed=1), random_sae(replace(config, k=8), seed=2)])
    with torch.no_grad():
        sae.encoder[..., 0].abs_().add_(0.1)
    sae.refresh()
    if hasattr(sae, "threshold"):
        sae.threshold.fill_(threshold)
    batches = [BATCHES[batch](standardised(random_sae(config), 16, seed)) for seed in range(2)]
    force_decoding(monkeypatch, sparse=True)
    assert isinstance(deepcopy(sae).code(batches[0]), SparseCode)
    sparse = train(sae, batches)
    force_decoding(monkeypatch, sparse=False)
    assert isinstance(deepcopy(sae).code(batches[0]), Dense)
    for actual, expected in zip(sparse, train(sae, batches), strict=True):
        assert actual.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(actual[name], value, rtol=1e-6, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}")
    if batch == "only silent rows":
        assert not sparse[0]["encoder"].any()
    else:
        assert all(sparse[0][name].any() for name in ("encoder", "encoder_bias", "bias"))


@pytest.mark.parametrize("config", CONFIGS, ids=kind)
def test_only_values_that_fire_are_listed_in_the_order_of_rows(monkeypatch, config):
    force_decoding(monkeypatch, sparse=True)
    sae = random_sae(config)
    with torch.no_grad():
        sae.encoder_bias += 20
    code = sae.code(standardised(sae))
    assert len(code.values) == len(code.features) == len(code.rows) == 2 * 16
    assert bool((code.values > 0).all())
    assert bool((code.rows.diff() >= 0).all())
    assert bool((code.features[code.by_feature].diff() >= 0).all())


def both_codes(stacked):
    """Return a sparse and a dense code of the same pre-activations of 7 rows, and their encoder and shift."""
    generator = torch.Generator().manual_seed(0)
    sizes = ((2, 5, 3), (2, 5)) if stacked else ((5, 3), (5,))
    encoder, shift = (torch.randn(*size, generator=generator, dtype=torch.float64).requires_grad_() for size in sizes)
    z = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    ks = [1, 3] if stacked else [2]
    sparse = sparse_code(z, encoder, shift, lambda pre, member: topk_entries(pre, ks[member]))
    pre = z @ encoder.mT + shift[..., None, :]
    return sparse, Dense(topk_dense(pre, torch.tensor(ks if stacked else ks[0]), max(ks))), (encoder, shift)


@pytest.mark.parametrize("stacked", [False, True], ids=["single", "stacked"])
@pytest.mark.parametrize("piece", [1, 11, 1 << 22])
@pytest.mark.parametrize("size", [0, 1, 3, 5])
def test_both_codes_decode_and_train_alike(monkeypatch, stacked, piece, size):
    """In pieces of one row, of two rows and a rest, and of all rows."""
    monkeypatch.setattr("visae.sae._sparse_code._PIECE", piece)
    sparse, dense, parameters = both_codes(stacked)
    assert isinstance(sparse, Code)
    assert isinstance(dense, Code)
    decoder = torch.randn(*parameters[0].shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    decoder.requires_grad_()
    prefixes = [code.prefix(size) for code in (sparse, dense)]
    assert torch.equal(prefixes[0].fired()[..., :size], prefixes[1].fired())
    assert not prefixes[0].fired()[..., size:].any()
    decoded = [code.decode(decoder) for code in prefixes]
    torch.testing.assert_close(*decoded, rtol=1e-12, atol=1e-12)
    assert bool(decoded[1].any()) == (size > 0)
    upstream = torch.randn(decoded[0].shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    gradients = [torch.autograd.grad(output, (*parameters, decoder), upstream) for output in decoded]
    for actual, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-12)


def test_sums_by_feature_add_weighted_rows_of_a_table():
    code, dense, _ = both_codes(stacked=True)
    table, expected = torch.randn(7, 4, dtype=torch.float64), np.zeros((10, 4))
    for member, row, feature in np.argwhere(dense.f.detach().numpy() != 0):
        expected[member * 5 + feature] += dense.f[member, row, feature].item() * table[row].numpy()
    np.testing.assert_allclose(code.sum_by_feature(code.values.detach(), table), expected, rtol=1e-9, atol=1e-12)


def test_sparse_decoding_is_for_the_cpu():
    assert sparse_pays(torch.device("cpu"), 64, 768)
    assert not sparse_pays(torch.device("cpu"), 65, 768)
    assert not sparse_pays(torch.device("cuda"), 8, 768)
