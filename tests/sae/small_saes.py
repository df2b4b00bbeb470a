"""Small SAEs of every kind, in which nothing is zero or one, and rows for them."""

from copy import deepcopy

import torch
from slow_saes import slopes, tensors, terms

from visae.sae import (
    ICA,
    PCA,
    SAE,
    Archetypal,
    BatchTopK,
    Block,
    Gated,
    JumpReLU,
    Matryoshka,
    Neurons,
    RandomDirections,
    ReLU,
    SAEConfig,
    TopK,
)

DIM = 3
AUX = {"width": 8, "k": 2, "aux_k": 2, "aux_weight": 0.5, "dead_after": 100}
# Numbers that float32 holds exactly, so that a float64 reference can read them off the config.
TRAINABLE = (
    ReLU(width=8, l1=0.75),
    Gated(width=8, l1=0.75),
    TopK(**AUX),
    BatchTopK(**AUX),
    JumpReLU(width=8, l0=0.75, target=0.0, bandwidth=1.5, threshold=0.5),
    Matryoshka(**AUX, levels=3),
    Archetypal(**AUX, centroids=5, delta=0.5),
    Block(width=8, size=2, blocks=1),
)
BASELINES = (PCA(k=2), ICA(k=2), RandomDirections(width=8, k=2), Neurons(k=2))
CONFIGS = TRAINABLE + BASELINES
DEAD = [1, 4, 5, 6]


def kind(config: SAEConfig) -> str:
    """The name of a config in a test's name."""
    return config.kind


def rows(count: int = 40, dim: int = DIM, seed: int = 1, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Raw rows, as a layer has them: skew, not centred, of very unlike spread."""
    drawn = torch.rand(count, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (-drawn.log() * torch.arange(2, dim + 2) + 1).to(dtype)


def filled(config: SAEConfig, dim: int = DIM, seed: int = 0, dtype: torch.dtype = torch.float64) -> SAE:
    """An SAE fitted to rows, each of whose tensors was then moved a little; four of its features are dead."""
    source = torch.Generator().manual_seed(seed)
    sae, x = config.build(dim, source), rows(300, dim, seed + 100, torch.float32)
    sae.fit_scale(x.mean(0), x.var(0))
    sae.initialise(sae.standardise(x))
    sae.to(dtype)
    with torch.no_grad():
        for parameter in sae.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=source, dtype=torch.float64)
        if hasattr(sae, "threshold"):
            sae.threshold.fill_(0.625)
    if hasattr(sae, "dead"):
        sae.rows_since_fired[DEAD] = 101
        sae.refresh()
    return sae


def counted(sae: SAE, z: torch.Tensor) -> dict[str, torch.Tensor]:
    """The terms of the loss; which features fired is counted, as the trainer does."""
    terms, fired = sae.losses(z)
    sae.count_rows_since_fired(fired, len(z))
    return terms


def standardised(sae: SAE, count: int = 16, seed: int = 2) -> torch.Tensor:
    """Rows in an SAE's own units, and type."""
    return sae.standardise(rows(count, sae.dim, seed, sae.centre.dtype))


def grads(sae: SAE, z: torch.Tensor, term: str) -> dict[str, torch.Tensor | None]:
    """What each parameter gets from one term of the loss; the SAE stays as it was."""
    again = deepcopy(sae)
    again.losses(z).terms[term].sum().backward()
    return {name: parameter.grad for name, parameter in again.named_parameters()}


def pulled(sae: SAE, z: torch.Tensor, term: str) -> set[str]:
    """The parameters that get a gradient that is not zero."""
    return {name for name, of in grads(sae, z, term).items() if of is not None and bool((of != 0).any())}


def as_the_reference_has_it(sae: SAE, z: torch.Tensor, without: tuple[str, ...] = ()) -> None:
    """Every term, and its slope in every number of every parameter, `without` those with a pseudo-derivative.

    What a term reads and does not train is held still in the reference.
    """
    z = z[:8]
    p, still, slow_z = tensors(sae), tensors(sae), z.numpy()
    dead = DEAD if hasattr(sae, "dead") else []
    found, expected = deepcopy(sae).losses(z).terms, terms(sae.config, p, still, slow_z, dead)
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert value != 0
        assert abs(found[name].item() - value) <= 1e-6 * abs(value), name
    got = {name: grads(sae, z, name) for name in expected}
    for parameter in dict(sae.named_parameters()).keys() - set(without):
        slow = slopes(lambda: list(terms(sae.config, p, still, slow_z, dead).values()), p[parameter])
        for name, of_term in zip(expected, slow, strict=True):
            fast = got[name][parameter]
            fast = torch.zeros_like(sae.get_parameter(parameter)) if fast is None else fast
            torch.testing.assert_close(fast, torch.as_tensor(of_term), rtol=1e-4, atol=1e-6, msg=f"{name}, {parameter}")
