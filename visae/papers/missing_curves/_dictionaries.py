"""The dictionaries of a layer whose curve detectors are compared: learned ones, baselines, and nulls."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool
from torch import Tensor

from visae.activations import Rows
from visae.metrics import Quality, quality
from visae.nulls import FEATURES, SEEDS, Populations, found_again, frozen_nulls, held_out_batches, with_nulls
from visae.sae import ICA, PCA, SAE
from visae.training import Budget, SAESpec, train_many
from visae.training._train_layer import DICTIONARIES, ENCODED, MAIN, NULLS

# Kinds, by which their populations are called. Each has a second seed.
LEARNED = (MAIN, "online", "relu", ENCODED)
# The paper's kind.
PAPER = "relu"
UNIFORM = f"{MAIN}, uniform sampling"
_SECOND = "-second-seed"  # on disk


@dataclass(frozen=True, eq=False)
class Dictionaries:
    """The dictionaries of a layer.

    own:     the learned ones, baselines and the one of uniformly sampled positions, by population. The first is
             measured; a second is another seed of it.
    nulls:   the seeds of each null.
    rows:    those that all but the last of `own` were trained on.   uniform: those of the last.
    """

    own: Populations
    nulls: Populations
    rows: Rows
    uniform: Rows

    @property
    def measured(self) -> dict[str, SAE]:
        """All whose features are measured, by name: of `own` the first, of nulls every seed, by `seed_name`."""
        own = {name: saes[0] for name, saes in self.own.items()}
        return own | {
            seed_name(null, index): sae for null, saes in self.nulls.items() for index, sae in enumerate(saes)
        }

    def found_again(self) -> dict[str, Bool[Tensor, " _"] | None]:
        """Which features of each dictionary another seed has; None for one without another seed."""
        again = {name: found_again(saes)[0] for name, saes in self.own.items()}
        nulls = {null: found_again(saes) for null, saes in self.nulls.items()}
        return again | {
            seed_name(null, index): each for null, seeds in nulls.items() for index, each in enumerate(seeds)
        }

    def qualities(self) -> dict[str, Quality]:
        """What each dictionary's features do on rows that it was not trained on."""
        return {name: self._quality(name, sae) for name, sae in self.measured.items()}

    def _quality(self, name: str, sae: SAE) -> Quality:
        return quality(sae, held_out_batches(self.uniform if name == UNIFORM else self.rows, sae))


def seed_name(null: str, index: int) -> str:
    """Return the name of one seed of a null."""
    return f"{null}, seed {index}"


def train_dictionaries(rows: Mapping[str, Rows], folder: Path, budget: Budget, device: torch.device) -> Dictionaries:
    """Train the dictionaries of a layer, of which those that share rows and length share a pass, in its folder.

    rows: by how their positions were sampled, `magnitude` and `uniform`.
    """
    magnitude, uniform, training = rows["magnitude"], rows["uniform"], budget.training
    configs = {kind: budget.config(magnitude.dim, kind) for kind in LEARNED}
    specs = {kind: SAESpec(config, training.seed) for kind, config in configs.items()}
    # The main one's is trained with its nulls.
    seconds = {kind: SAESpec(configs[kind], training.seed + 1) for kind in LEARNED if kind != MAIN}
    baselines = {"PCA": SAESpec(PCA()), "ICA": SAESpec(ICA())}
    named = specs | {kind + _SECOND: spec for kind, spec in seconds.items()} | baselines
    saes = train_many(magnitude, named, folder / DICTIONARIES, training, device)
    nulls = with_nulls(magnitude, saes[MAIN], folder / NULLS, SEEDS, training, device)
    own = {MAIN: nulls.pop(FEATURES)}
    own |= {kind: [saes[kind], saes[kind + _SECOND]] for kind in seconds} | {name: [saes[name]] for name in baselines}
    nulls |= frozen_nulls(magnitude, configs[ENCODED], folder / NULLS, SEEDS, training, device)
    alike = train_many(uniform, {MAIN: specs[MAIN]}, folder / f"{DICTIONARIES}-uniform", training, device)
    return Dictionaries(own | {UNIFORM: [alike[MAIN]]}, nulls, magnitude, uniform)
