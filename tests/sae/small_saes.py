"""Small SAEs of every kind whose parameters are all away from their initial values, and rows for them."""

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy

import pytest
import torch
from slow_saes import loss_terms, numerical_gradients, tensors, training_residuals

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
    """Name a config in a test's name."""
    return config.kind


def rows(count: int = 40, dim: int = DIM, seed: int = 1, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Draw raw rows as a layer has them: skewed, not centred, with a different spread in each dimension."""
    uniform = torch.rand(count, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (-uniform.log() * torch.arange(2, dim + 2) + 1).to(dtype)


def random_sae(config: SAEConfig, dim: int = DIM, seed: int = 0, dtype: torch.dtype = torch.float64) -> SAE:
    """Return an SAE fitted to rows and then perturbed in every parameter; the features `DEAD` have not fired lately."""
    generator = torch.Generator().manual_seed(seed)
    sae, x = config.build(dim, generator), rows(300, dim, seed + 100, torch.float32)
    sae.fit_scale(x.mean(0), x.var(0))
    sae.initialise(sae.standardise(x))
    sae.to(dtype)
    with torch.no_grad():
        for parameter in sae.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        if hasattr(sae, "threshold"):
            sae.threshold.fill_(0.625)
    if hasattr(sae, "dead"):
        sae.rows_since_fired[DEAD] = 101
        sae.refresh()
    return sae


def standardised(sae: SAE, count: int = 16, seed: int = 2) -> torch.Tensor:
    """Draw rows, on the SAE's scale and in its precision."""
    return sae.standardise(rows(count, sae.dim, seed, sae.centre.dtype))


def training_terms(sae: SAE, z: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the terms of the loss, and count which features fired, as the trainer does."""
    terms, fired = sae.losses(z)
    sae.count_rows_since_fired(fired, len(z))
    return terms


def gradients(sae: SAE, z: torch.Tensor, term: str) -> dict[str, torch.Tensor | None]:
    """Return the gradient of one term of the loss for each parameter, and leave the SAE alone."""
    copy = deepcopy(sae)
    copy.losses(z).terms[term].sum().backward()
    return {name: parameter.grad for name, parameter in copy.named_parameters()}


def train_briefly(
    sae: SAE, batches: Iterable[torch.Tensor], lr: float, parameters: Sequence[torch.Tensor] | None = None
) -> Iterator[None]:
    """Train all or some of the parameters by Adam, without refreshes; yields after each step."""
    optimiser = torch.optim.Adam(sae.parameters() if parameters is None else parameters, lr=lr)
    for z in batches:
        sae.zero_grad()
        torch.stack(list(sae.losses(z).terms.values())).sum().backward()
        sae.before_step()
        optimiser.step()
        sae.after_step()
        yield


def force_decoding(monkeypatch: pytest.MonkeyPatch, sparse: bool) -> None:
    """Decode as sparse codes, or as dense features, whatever is faster."""
    for module in ("topk", "batchtopk"):
        monkeypatch.setattr(f"visae.sae._{module}.sparse_pays", lambda *_: sparse)


def check_against_reference(sae: SAE, z: torch.Tensor, without: Sequence[str] = ()) -> None:
    """Compare every term of the loss, and its gradient for every number of every parameter, with the reference.

    without:  parameters whose gradient is a pseudo-derivative.
    """
    z = z[:6]
    p, frozen, slow_z = tensors(sae), tensors(sae), z.numpy()
    frozen["residuals"] = training_residuals(sae.config, frozen, slow_z)
    dead = DEAD if hasattr(sae, "dead") else []
    terms, expected = deepcopy(sae).losses(z).terms, loss_terms(sae.config, p, frozen, slow_z, dead)
    assert list(terms) == list(expected)
    for name, value in expected.items():
        assert value != 0
        assert abs(terms[name].item() - value) <= 1e-6 * abs(value), name
    by_term = {name: gradients(sae, z, name) for name in expected}
    for parameter in dict(sae.named_parameters()).keys() - set(without):
        slow = numerical_gradients(lambda: list(loss_terms(sae.config, p, frozen, slow_z, dead).values()), p[parameter])
        for name, expected_gradient in zip(expected, slow, strict=True):
            gradient = by_term[name][parameter]
            gradient = torch.zeros_like(sae.get_parameter(parameter)) if gradient is None else gradient
            torch.testing.assert_close(
                gradient, torch.as_tensor(expected_gradient), rtol=1e-4, atol=1e-6, msg=f"{name}, {parameter}"
            )
