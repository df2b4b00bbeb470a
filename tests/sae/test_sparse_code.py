from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_saes import AUX, filled, kind, standardised

from visae.sae import Archetypal, BatchTopK, Matryoshka, TopK, stack
from visae.sae._sparse_code import Code, Dense, SparseCode, sparse_code, sparse_pays
from visae.sae._topk_select import topk_dense, topk_entries

KINDS = [
    TopK(**AUX),
    BatchTopK(**AUX),
    Matryoshka(**AUX, levels=3),
    Archetypal(**AUX, centroids=5, delta=0.5),
]
# A row that makes every pre-activation negative in an SAE whose encoder is positive in the first dimension.
SILENT = torch.tensor([[-1e6, 0, 0]], dtype=torch.float64)
CASES = {
    "usual": lambda z: z,
    "rows where nothing fires": lambda z: torch.cat([z[:3], SILENT, z[3:], SILENT]),
    "one row": lambda z: z[:1],
    "no row fires": lambda z: SILENT.repeat(len(z), 1),
}


def use(monkeypatch, sparse):
    for module in ("topk", "batchtopk"):
        monkeypatch.setattr(f"visae.sae._{module}.sparse_pays", lambda *_: sparse)


def followed(sae, batches):
    """Terms, gradients, threshold and rows since firing, over some batches, the parameters taking a step after each."""
    sae, seen = deepcopy(sae), []
    for z in batches:
        sae.zero_grad()
        terms = sae.losses(z).terms
        torch.stack(list(terms.values())).sum().backward()
        buffers = {name: value.clone() for name, value in sae.named_buffers()}
        seen.append({**terms, **{name: p.grad.clone() for name, p in sae.named_parameters()}, **buffers})
        with torch.no_grad():
            for parameter in sae.parameters():
                parameter -= 0.01 * parameter.grad.clamp(-1, 1)
    return seen


# With how wrong a guess at the threshold a batch begins.
GUESSES = [(r, -1.0) for r in KINDS] + [(r, guess) for r in KINDS[1:3] for guess in (0.5, 50.0)]


@pytest.mark.parametrize(("config", "threshold"), GUESSES, ids=lambda v: getattr(v, "kind", v))
@pytest.mark.parametrize(
    ("case", "k"),
    [
        *(("usual", k) for k in (1, 7, 8)),
        *(("rows where nothing fires", k) for k in (1, 7)),
        ("one row", 3),
        ("no row fires", 2),
    ],
)
@pytest.mark.parametrize("stacked", [False, True])
def test_the_sparse_path_is_the_dense_path(monkeypatch, config, case, k, stacked, threshold):
    """With k of 7 and 8 a batch has fewer positive values than may fire."""
    config = replace(config, k=k)
    sae = filled(config)
    if stacked:
        sae = stack([sae, filled(replace(config, k=2), seed=1), filled(replace(config, k=8), seed=2)])
    with torch.no_grad():
        sae.encoder[..., 0].abs_().add_(0.1)
    sae.refresh()
    if hasattr(sae, "threshold"):
        sae.threshold.fill_(threshold)
    batches = [CASES[case](standardised(filled(config), 16, seed)) for seed in range(2)]
    use(monkeypatch, sparse=True)
    assert isinstance(deepcopy(sae).code(batches[0]), SparseCode)
    found = followed(sae, batches)
    use(monkeypatch, sparse=False)
    assert isinstance(deepcopy(sae).code(batches[0]), Dense)
    for sparse, dense in zip(found, followed(sae, batches), strict=True):
        assert sparse.keys() == dense.keys()
        for name, value in dense.items():
            torch.testing.assert_close(sparse[name], value, rtol=1e-6, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}")
    if case == "no row fires":
        assert not found[0]["encoder"].any()
    else:
        assert all(found[0][name].any() for name in ("encoder", "encoder_bias", "bias"))


@pytest.mark.parametrize("config", KINDS, ids=kind)
def test_winners_alone_are_listed(monkeypatch, config):
    """What makes it fast: the list is as long as there are sparse_code, in the order of rows."""
    use(monkeypatch, sparse=True)
    sae = filled(config)
    with torch.no_grad():
        sae.encoder_bias += 20
    code = sae.code(standardised(sae))
    assert len(code.values) == len(code.features) == len(code.rows) == 2 * 16
    assert bool((code.values > 0).all())
    assert bool((code.rows.diff() >= 0).all())
    assert bool((code.features[code.by_feature].diff() >= 0).all())


def coded(stacked, monkeypatch, piece=None):
    """One code in both forms, made from the same pre-activations of 7 rows."""
    if piece:
        monkeypatch.setattr("visae.sae._sparse_code._PIECE", piece)
    source = torch.Generator().manual_seed(0)
    sizes = ((2, 5, 3), (2, 5)) if stacked else ((5, 3), (5,))
    encoder, shift = (torch.randn(*size, generator=source, dtype=torch.float64).requires_grad_() for size in sizes)
    z = torch.randn(7, 3, generator=source, dtype=torch.float64)
    ks = [1, 3][: len(encoder)] if stacked else [2]
    code = sparse_code(z, encoder, shift, lambda pre, member: topk_entries(pre, ks[member]))
    pre = z @ encoder.mT + shift[..., None, :]
    return code, Dense(topk_dense(pre, torch.tensor(ks if stacked else ks[0]), max(ks))), (encoder, shift)


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("piece", [None, 1, 5, 11])
@pytest.mark.parametrize("size", [0, 1, 3, 5])
def test_both_forms_of_a_code_decode_and_train_alike(monkeypatch, stacked, piece, size):
    sparse, dense, own = coded(stacked, monkeypatch, piece)
    assert isinstance(sparse, Code)
    assert isinstance(dense, Code)
    decoder = torch.randn(*own[0].shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    decoder.requires_grad_()
    both = [code.prefix(size) for code in (sparse, dense)]
    written_out = both[1].fired().shape[-1]
    assert torch.equal(both[0].fired()[..., :written_out], both[1].fired())
    assert not both[0].fired()[..., written_out:].any()
    decoded = [code.decode(decoder) for code in both]
    torch.testing.assert_close(*decoded, rtol=1e-12, atol=1e-12)
    assert bool(decoded[1].any()) == (size > 0)
    upstream = torch.randn(decoded[0].shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    slopes = [torch.autograd.grad(out, (*own, decoder), upstream) for out in decoded]
    for found, expected in zip(*slopes, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_a_sum_over_winners_is_what_it_says(monkeypatch):
    code, dense, _ = coded(True, monkeypatch)
    table, expected = torch.randn(7, 4, dtype=torch.float64), np.zeros((10, 4))
    for member, row, feature in np.argwhere(dense.f.detach().numpy() != 0):
        expected[member * 5 + feature] += dense.f[member, row, feature].item() * table[row].numpy()
    np.testing.assert_allclose(code.sum_by_feature(code.values.detach(), table), expected, rtol=1e-9, atol=1e-12)


def test_sparse_products_are_for_the_cpu():
    assert sparse_pays(torch.device("cpu"), 64, 768)
    assert not sparse_pays(torch.device("cpu"), 65, 768)
    assert not sparse_pays(torch.device("cuda"), 8, 768)
