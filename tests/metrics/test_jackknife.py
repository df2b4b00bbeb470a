import pytest
import torch

from visae.metrics import standard_errors


def test_standard_error_of_a_mean_is_that_of_its_groups():
    x = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
    means = x.double().numpy().reshape(10, 100, 2).mean(1)
    errors = standard_errors(lambda rows: rows.double().mean(0).tolist(), x)
    assert errors == pytest.approx(means.std(0, ddof=1) / 10**0.5)
