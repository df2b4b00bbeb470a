"""What a sparse autoencoder has to beat: principal and independent components, random directions, and neurons.

All are linear and behind the same interface. None is trained in steps: each is fitted to a sample of rows at once.
Their features have a sign, but for neurons.
"""

import warnings
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae._support.progress import say
from visae.sae._algebra import random_directions, squared_error
from visae.sae._base import SAE, SAEConfig

# FastICA's steps: components that have not come to rest by then are those of nearly Gaussian directions, and never do.
_ICA_STEPS = 200


@dataclass(frozen=True)
class _Baseline:
    varied: ClassVar[tuple[str, ...]] = ()
    width: int = 0
    k: int = 0

    def __post_init__(self) -> None:
        if min(self.width, self.k) < 0:
            raise VisaeError(f"width is {self.width} and k is {self.k}; they must be 0 (for all) or more")

    def refuse_wider(self, dim: int) -> None:
        """Raise `VisaeError` for more features than the rows have dimensions."""
        if self.width > dim:
            raise VisaeError(f"the width is {self.width}, rows have {dim} dimensions; it cannot be larger")


@dataclass(frozen=True)
class PCA(_Baseline):
    """The recipe of principal component analysis.

    width:  components, those of the largest variance; 0 for as many as the rows have dimensions.
    k:      components that may be used for one row, those of the largest magnitude; 0 for all.
    """

    kind: ClassVar[str] = "pca"

    def build(self, dim: int, generator: torch.Generator) -> SAE:
        """Principal components, once fitted."""
        self.refuse_wider(dim)
        return PCASAE(self, dim, generator)


@dataclass(frozen=True)
class ICA(_Baseline):
    """The recipe of independent component analysis (scikit-learn's FastICA); settings as for PCA."""

    kind: ClassVar[str] = "ica"

    def build(self, dim: int, generator: torch.Generator) -> SAE:
        """Independent components, once fitted."""
        self.refuse_wider(dim)
        return ICASAE(self, dim, generator)


@dataclass(frozen=True)
class RandomDirections(_Baseline):
    """The recipe of random unit directions; settings as for PCA, but for a width that may be larger."""

    kind: ClassVar[str] = "random"

    def build(self, dim: int, generator: torch.Generator) -> SAE:
        """Random directions, whose common gain is fitted."""
        return RandomSAE(self, dim, generator)


@dataclass(frozen=True)
class Neurons(_Baseline):
    """The recipe of the neurons themselves; settings as for PCA, without a width."""

    kind: ClassVar[str] = "neurons"

    def build(self, dim: int, generator: torch.Generator) -> SAE:
        """The neurons of a layer as features."""
        if self.width not in (0, dim):
            raise VisaeError(f"the width is {self.width}, the layer has {dim} neurons; leave it out")
        return NeuronsSAE(self, dim, generator)


class LinearSAE(SAE):
    """f = encoder z + encoder_bias, of which the k values of the largest magnitude are kept; nothing is trained."""

    def __init__(self, recipe: SAEConfig, dim: int, generator: torch.Generator):
        width = recipe.width or dim
        directions = random_directions(width, dim, generator)
        biases = {"encoder_bias": torch.zeros(width), "bias": torch.zeros(dim)}
        super().__init__(recipe, dim, encoder=directions, decoder=directions.clone(), **biases)
        self.requires_grad_(False)
        self.seed = int(torch.randint(1 << 31, (), generator=generator))

    def preactivate(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """All features, before any is left out."""
        return z @ self.encoder.T + self.encoder_bias

    def features(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """The features of the largest magnitude of each row, with their sign; zero elsewhere."""
        f = self.preactivate(z)
        if not 0 < self.config.k < self.width:
            return f
        places = f.abs().topk(self.config.k, dim=1).indices
        return torch.zeros_like(f).scatter(1, places, f.gather(1, places))

    def losses(self, z: Float[Tensor, "n d"]) -> dict[str, Tensor]:
        """`error`, per dimension."""
        return {"error": squared_error(z, self.reconstruct(self.features(z))) / self.dim}

    def take(self, encoder: Float[Tensor, "m d"], decoder: Float[Tensor, "m d"], mean: Float[Tensor, " d"]) -> None:
        """Use these directions, about this mean."""
        self.encoder.copy_(encoder)
        self.decoder.copy_(decoder)
        self.encoder_bias.copy_(-encoder @ mean)
        self.bias.copy_(mean)

    def turn(self, z: Float[Tensor, "n d"]) -> None:
        """Turn each direction so that its features have their long tail above zero; a sign says nothing otherwise."""
        f = self.preactivate(z).double()
        sign = torch.where((f - f.mean(0)).pow(3).mean(0) < 0, -1.0, 1.0).to(z.dtype)
        self.encoder *= sign[:, None]
        self.decoder *= sign[:, None]
        self.encoder_bias *= sign


class PCASAE(LinearSAE):
    """Principal components of a sample of rows."""

    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """The eigenvectors of the covariance with the largest eigenvalues."""
        exact = z.double()
        mean = exact.mean(0)
        vectors = torch.linalg.eigh((exact - mean).T @ (exact - mean)).eigenvectors
        components = vectors.T.flip(0)[: self.width].to(z.dtype)
        self.take(components, components, mean.to(z.dtype))
        self.turn(z)


class ICASAE(LinearSAE):
    """Independent components of a sample of rows, by FastICA."""

    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """Unmixing directions as encoder, mixing ones as decoder; raises `VisaeError` if the rows span too little."""
        # Slow to import, and needed by this kind alone.
        from sklearn.decomposition import FastICA
        from sklearn.exceptions import ConvergenceWarning

        count = min(self.width, int(torch.linalg.matrix_rank((z - z.mean(0)).double())))
        if count < self.width:
            raise VisaeError(f"{self.width} independent components were asked for, the rows span {count} dimensions")
        fitted = FastICA(count, whiten="unit-variance", max_iter=_ICA_STEPS, tol=1e-3, random_state=self.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted.fit(z.double().cpu().numpy())
        if fitted.n_iter_ >= _ICA_STEPS:
            say(f"train: some of {count} independent components still turn after {_ICA_STEPS} steps; used as they are")
        found = (fitted.components_, fitted.mixing_.T.copy(), fitted.mean_)
        self.take(*(torch.from_numpy(array).to(z) for array in found))
        self.turn(z)


class RandomSAE(LinearSAE):
    """Random unit directions, as encoder and, times one gain, as decoder."""

    def initialise(self, z: Float[Tensor, "n d"]) -> None:
        """The gain with the least squared error."""
        guess = self.reconstruct(self.features(z))
        self.decoder *= (guess * z).sum() / guess.square().sum().clamp_min(1e-12)


class NeuronsSAE(LinearSAE):
    """The neurons themselves: f = x / scale, in the SAE's units; with all of them the reconstruction is perfect."""

    def initialise(self, z: Float[Tensor, "n d"]) -> None:  # noqa: ARG002 - what neurons are needs no sample
        """Directions along the axes, about the point where all neurons are silent."""
        silent = -self.centre / self.scale
        along = torch.eye(self.dim).to(silent)
        self.take(along, along, silent)
