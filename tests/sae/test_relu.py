import numpy as np
import pytest
import torch

from visae.errors import VisaeError
from visae.sae import ReLU


@pytest.mark.parametrize("l1", [0.0, 0.5, 5.0])
def test_the_loss_is_as_the_update_of_april_2024_has_it(l1):
    source = torch.Generator().manual_seed(0)
    sae = ReLU(width=6, l1=l1).build(4, source)
    with torch.no_grad():
        for parameter in sae.parameters():
            parameter += torch.randn(parameter.shape, generator=source) / 3
    z = torch.randn(32, 4, generator=source)
    p = {name: value.detach().double().numpy() for name, value in sae.named_parameters()}
    error = sparsity = 0.0
    for row in z.double().numpy():
        f = np.maximum(p["encoder"] @ (row - p["bias"]) + p["encoder_bias"], 0)
        error += np.square(row - p["decoder"].T @ f - p["bias"]).sum() / 32
        sparsity += l1 * sum(f[i] * np.linalg.norm(p["decoder"][i]) for i in range(6)) / 32
    terms = sae.losses(z)
    assert list(terms) == ["error", "sparsity"]
    assert terms["error"].item() == pytest.approx(error, rel=1e-5)
    assert terms["sparsity"].item() == pytest.approx(sparsity, rel=1e-5)


@pytest.mark.parametrize("l1", [0.0, 0.5, 1.0, 1.5])
def test_one_feature_of_zero_or_one_shrinks_by_half_the_penalty(l1):
    """min over y of (1 - y)^2 + l1 y is at y = 1 - l1 / 2, whatever the decoder's norm."""
    sae = ReLU(width=1, l1=l1).build(1, torch.Generator())
    with torch.no_grad():
        sae.encoder.fill_(0.5)
        sae.decoder.fill_(0.5)
    sae.bias.requires_grad_(False)
    x = torch.tensor([[0.0], [1.0]])
    optimiser = torch.optim.SGD([p for p in sae.parameters() if p.requires_grad], lr=0.3)
    for _ in range(400):
        optimiser.zero_grad()
        sum(sae.losses(x).values()).backward()
        optimiser.step()
    silent, shrunk = sae.decode(sae.encode(x)).detach().flatten().tolist()
    assert silent == pytest.approx(0, abs=1e-3)
    assert shrunk == pytest.approx(1 - l1 / 2, abs=1e-3)


def test_the_penalty_cannot_be_evaded_by_larger_decoder_rows():
    sae = ReLU(width=5).build(3, torch.Generator().manual_seed(0))
    z = torch.randn(16, 3, generator=torch.Generator().manual_seed(1))
    before = sae.losses(z)
    with torch.no_grad():
        sae.decoder *= 7
        sae.encoder /= 7
    after = sae.losses(z)
    for name, term in before.items():
        assert after[name].item() == pytest.approx(term.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "width is 0 and l1 is 5; they must be at least 1 and 0"),
        ({"l1": -1.0}, "l1 is -1"),
        ({"l1": float("nan")}, "l1 is nan"),
        ({"l1": float("inf")}, "l1 is inf"),
    ],
)
def test_recipes_that_make_no_sense(settings, message):
    with pytest.raises(VisaeError, match=message):
        ReLU(**settings)
