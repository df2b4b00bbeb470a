import pytest
import torch

from visae.metrics import fidelity_and_firing, helping, quality
from visae.sae import MatchingPursuit, TopK


@pytest.mark.parametrize("config", [TopK(width=20, k=3), MatchingPursuit(width=20, k=3)])
def test_one_pass_measures_what_separate_passes_do(config):
    generator = torch.Generator().manual_seed(0)
    sae, x = config.build(6, generator), torch.randn(50, 6, generator=generator)
    measured, (fidelity, firing) = quality(sae, x.split([30, 1, 19])), fidelity_and_firing(sae, [x])
    assert vars(measured.fidelity) == pytest.approx(vars(fidelity))
    assert measured.firing.density.equal(firing.density)
    assert measured.firing.l0_histogram.equal(firing.l0_histogram)
    assert measured.helping.rise.tolist() == pytest.approx(helping(sae, [x]).rise.tolist())
