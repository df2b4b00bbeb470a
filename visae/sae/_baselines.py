"""Baselines that an SAE has to beat: principal and independent components, random directions, and neurons.

All are linear and share the SAE's interface. Each is fitted to a sample of rows in one go instead of being trained.
Their features are signed, except for neurons.
"""

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import say
from visae.sae._algebra import random_directions, squared_error
from visae.sae._base import SAE, Losses
from visae.sae._config import LineStyle, SAEConfig
from visae.sae._registry import register_kind

# FastICA steps: components that have not converged by then are nearly Gaussian directions, and never will.
_ICA_STEPS = 200


class LinearSAE(SAE):
    """f = encoder z + encoder_bias, keeping the k values of largest magnitude; nothing is trained."""

    encoder: Tensor
    encoder_bias: Tensor
    seed: int

    @classmethod
    def create(cls, config: Any, dim: int, generator: torch.Generator) -> SAE:
        """Return random directions until it is initialised; raises `VisaeError` for more features than dimensions."""
        if config.width > dim:
            raise VisaeError(f"the width is {config.width}, rows have {dim} dimensions; it cannot be larger")
        return cls.with_random_directions(config, dim, generator)

    @classmethod
    def with_random_directions(cls, config: Any, dim: int, generator: torch.Generator) -> SAE:
        """Return an SAE that encodes and decodes by the same random unit directions, without gradients."""
        width = config.width or dim
        directions = random_directions(width, dim, generator)
        biases = {"encoder_bias": torch.zeros(width), "bias": torch.zeros(dim)}
        sae = cls(config, dim, encoder=directions, decoder=directions.clone(), **biases)
        sae.requires_grad_(False)
        sae.seed = int(torch.randint(1 << 31, (), generator=generator))
        return sae

    def preactivate(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """Return all features, before the k largest are selected."""
        return z @ self.encoder.T + self.encoder_bias

    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """Return the k features of largest magnitude in each row, with their sign; zero elsewhere."""
        f = self.preactivate(z)
        if not 0 < self.config.k < self.width:
            return f
        columns = f.abs().topk(self.config.k, dim=1).indices
        return torch.zeros_like(f).scatter(1, columns, f.gather(1, columns))

    def losses(self, z: Float[Tensor, "n d"]) -> Losses:
        """`error`, per dimension."""
        f = self.features(z)
        return Losses({"error": squared_error(z, self.reconstruct(f)) / self.dim}, (f != 0).any(0))

    def set_directions(
        self, encoder: Float[Tensor, "m d"], decoder: Float[Tensor, "m d"], mean: Float[Tensor, " d"]
    ) -> None:
        """Use these directions, about this mean."""
        self.encoder.copy_(encoder)
        self.decoder.copy_(decoder)
        self.encoder_bias.copy_(-encoder @ mean)
        self.bias.copy_(mean)

    def orient(self, z: Float[Tensor, "n d"]) -> None:
        """Flip each direction so that its feature has positive skewness; the sign is otherwise arbitrary."""
        f = self.preactivate(z).double()
        sign = torch.where((f - f.mean(0)).pow(3).mean(0) < 0, -1.0, 1.0).to(z.dtype)
        self.encoder *= sign[:, None]
        self.decoder *= sign[:, None]
        self.encoder_bias *= sign


class PCASAE(LinearSAE):
    """Principal components of a sample of rows."""

    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """Use the eigenvectors of the covariance with the largest eigenvalues."""
        exact = z.double()
        mean = exact.mean(0)
        vectors = torch.linalg.eigh((exact - mean).T @ (exact - mean)).eigenvectors
        components = vectors.T.flip(0)[: self.width].to(z.dtype)
        self.set_directions(components, components, mean.to(z.dtype))
        self.orient(z)


class ICASAE(LinearSAE):
    """Independent components of a sample of rows, by FastICA."""

    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """Encode with unmixing and decode with mixing directions; raises `VisaeError` if the rows' rank is too low."""
        # Slow to import, and only this kind needs it.
        from sklearn.decomposition import FastICA
        from sklearn.exceptions import ConvergenceWarning

        count = min(self.width, int(torch.linalg.matrix_rank((z - z.mean(0)).double())))
        if count < self.width:
            raise VisaeError(f"{self.width} independent components need as many dimensions; the rows only span {count}")
        fitted = FastICA(count, whiten="unit-variance", max_iter=_ICA_STEPS, tol=1e-3, random_state=self.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted.fit(z.double().cpu().numpy())
        if fitted.n_iter_ >= _ICA_STEPS:
            say(f"train: some of {count} independent components have not converged after {_ICA_STEPS} steps")
        arrays = (fitted.components_, fitted.mixing_.T.copy(), fitted.mean_)
        self.set_directions(*(torch.from_numpy(array).to(z) for array in arrays))
        self.orient(z)


class RandomSAE(LinearSAE):
    """Random unit directions as the encoder and, scaled by a common gain, as the decoder."""

    @classmethod
    def create(cls, config: Any, dim: int, generator: torch.Generator) -> SAE:
        """Return an SAE with random directions, possibly more than there are dimensions."""
        return cls.with_random_directions(config, dim, generator)

    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """Set the gain to the one with the least squared error."""
        reconstruction = self.reconstruct(self.features(z))
        self.decoder *= (reconstruction * z).sum() / reconstruction.square().sum().clamp_min(1e-12)


class NeuronsSAE(LinearSAE):
    """The neurons themselves: f = x / scale, on the SAE's scale; with all of them the reconstruction is perfect."""

    @classmethod
    def create(cls, config: Any, dim: int, generator: torch.Generator) -> SAE:
        """Return an SAE of the neurons, once it is initialised; raises `VisaeError` for a width other than theirs."""
        if config.width not in (0, dim):
            raise VisaeError(f"the width is {config.width}, the layer has {dim} neurons; leave it out")
        return cls.with_random_directions(config, dim, generator)

    def initialise(self, z: Float[Tensor, "n d"]) -> None:  # noqa: ARG002 - neurons need no sample
        """Use directions along the axes, about the point where all neurons are silent."""
        silent = self.silent_point
        axes = torch.eye(self.dim).to(silent)
        self.set_directions(axes, axes, silent)


@dataclass(frozen=True)
class _Baseline(SAEConfig):
    """Settings of a baseline.

    width:  features; 0 for one per dimension of the rows.
    k:      features used for one row, those of largest magnitude; 0 for all.
    """

    baseline: ClassVar[bool] = True
    width: int = 0
    k: int = 0

    def __post_init__(self) -> None:
        if min(self.width, self.k) < 0:
            raise VisaeError(f"width is {self.width} and k is {self.k}; they must be 0 (for all) or more")


@register_kind
@dataclass(frozen=True)
class PCA(_Baseline):
    """Settings of principal component analysis; its features are the components with the largest variance."""

    kind: ClassVar[str] = "pca"
    sae: ClassVar[Any] = PCASAE
    summary: ClassVar[str] = "principal components"
    style: ClassVar[LineStyle] = LineStyle("0.35", "<", "--")


@register_kind
@dataclass(frozen=True)
class ICA(_Baseline):
    """Settings of independent component analysis (scikit-learn's FastICA)."""

    kind: ClassVar[str] = "ica"
    sae: ClassVar[Any] = ICASAE
    summary: ClassVar[str] = "independent components (FastICA)"
    style: ClassVar[LineStyle] = LineStyle("0.5", ">", "--")


@register_kind
@dataclass(frozen=True)
class RandomDirections(_Baseline):
    """Settings of random unit directions, possibly more than the rows have dimensions."""

    kind: ClassVar[str] = "random"
    sae: ClassVar[Any] = RandomSAE
    summary: ClassVar[str] = "random directions"
    style: ClassVar[LineStyle] = LineStyle("0.65", "*", "--")


@register_kind
@dataclass(frozen=True)
class Neurons(_Baseline):
    """Settings of the neurons themselves, whose width is the layer's."""

    kind: ClassVar[str] = "neurons"
    sae: ClassVar[Any] = NeuronsSAE
    summary: ClassVar[str] = "the layer's own neurons"
    style: ClassVar[LineStyle] = LineStyle("0.75", "d", "--")
