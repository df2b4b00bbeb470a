import numpy as np
import pytest
import torch

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.papers.bag_of_words import BagAutoencoder, BagTraining, DrawnBags, circular, train
from visae.papers.bag_of_words._measures import eigenvalue_shares, linear_residual, pca_residual


@pytest.mark.parametrize(("sharpness", "base", "two", "four"), [(10.0, 0.0, 0.608, 0.362), (5.0, -2.0, 0.961, 0.644)])
def test_pca_residual_of_the_facts(sharpness, base, two, four):
    covariance = circular(sharpness, base).covariance()
    assert pca_residual(covariance, 2) == pytest.approx(two, abs=5e-4)
    assert pca_residual(covariance, 4) == pytest.approx(four, abs=5e-4)
    assert pca_residual(covariance, 12) == 0
    assert sum(eigenvalue_shares(covariance)) == pytest.approx(1)


def test_linear_residual_is_the_mean_over_bags():
    source = generator(0, "linear")
    x = torch.randn(500, 5, generator=source).double() + 2
    W, b = torch.randn(3, 5, generator=source), torch.randn(5, generator=source)
    slow = 0.0
    for bag in x.numpy():
        x_hat = W.double().numpy().T @ (W.double().numpy() @ bag) + b.double().numpy()
        slow += float(np.sum((bag - x_hat) ** 2)) / len(x)
    result = linear_residual(W, b, x.mean(0), x.T.cov(correction=0))
    assert result == pytest.approx(slow, rel=1e-9)


def test_projection_on_the_first_components_has_the_pca_residual():
    covariance, mean = circular().covariance(), circular().mean()
    vectors = torch.linalg.eigh(covariance).eigenvectors[:, -3:].T
    bias = mean - vectors.T @ vectors @ mean
    assert linear_residual(vectors, bias, mean, covariance) == pytest.approx(pca_residual(covariance, 3))
    # Any other projection leaves more.
    other = torch.linalg.eigh(covariance).eigenvectors[:, :3].T
    assert linear_residual(other, mean - other.T @ other @ mean, mean, covariance) > 2


@pytest.mark.slow
def test_trained_linear_models_reach_pca():
    """All four residuals of the facts, by training; none can be below the exact one."""
    kinds = circular(), circular(5.0, -2.0)
    drawn = torch.stack([kind.draw(8000, generator(0, "bags", index)) for index, kind in enumerate(kinds)])
    models = [BagAutoencoder(latent, 0.0, "linear", 0, bags) for bags in (0, 1) for latent in (2, 4)]
    stack = train(models, DrawnBags(drawn), BagTraining(epochs=100))
    for index, (model, fact) in enumerate(zip(models, (0.608, 0.362, 0.961, 0.644), strict=True)):
        mixture = kinds[model.bags]
        result = linear_residual(stack.weights[index], stack.bias[index], mixture.mean(), mixture.covariance())
        assert result > pca_residual(mixture.covariance(), model.latent)
        assert result == pytest.approx(fact, rel=0.02)


def test_more_components_than_features():
    with pytest.raises(VisaeError, match=r"latent size is 13, .* 12 features"):
        pca_residual(circular().covariance(), 13)
