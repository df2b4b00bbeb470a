"""What a reproduction spends on a layer, and where it keeps what it made."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from visae.activations import Positions, Rows, capture_layers
from visae.images import Images
from visae.networks import Network
from visae.sae import SAE, SAEConfig, TopK
from visae.training import SAESpec, TrainingConfig, train_many

DICTIONARIES, FEATURES = "dictionaries", "features"
# The features of the SAE that explains most, and those of the paper's own kind, which is pressed for sparsity harder.
RELU = "ReLU features"
LEARNED = (FEATURES, RELU)


@dataclass(frozen=True)
class Budget:
    """How much is spent on a layer.

    recipe:    the SAE of a layer with so many channels.
    l1:        penalty of the ReLU SAE beside it, which has as many features.
    images:    on which the standard deviations of units are measured, at most.
    """

    recipe: Callable[[int], SAEConfig]
    training: TrainingConfig
    positions: Positions
    l1: float = 2.0
    images: int = 256


def usual(
    network: str,
    k: int | None = None,
    width: int | None = None,
    epochs: int | None = None,
    lr: float = 3e-3,
    positions: int = 64,
    seed: int = 0,
) -> Budget:
    """TopK of 8 features a channel, of which a twelfth of the channels fire at a position, trained for 8 epochs.

    On the planted network, whose truth is small and known: 128 features, of which 2 fire, and 60 epochs. What is given
    counts instead, for any layer.
    """
    planted = network.startswith("planted")

    def recipe(channels: int) -> SAEConfig:
        of = (2, 128) if planted else (max(channels // 12, 1), 8 * channels)
        return TopK(k=of[0] if k is None else k, width=of[1] if width is None else width)

    batch = 1024 if planted else TrainingConfig.batch
    passes = (60 if planted else 8) if epochs is None else epochs
    training = TrainingConfig(epochs=passes, batch=batch, lr=lr, seed=seed)
    return Budget(recipe, training, Positions(count=positions, seed=seed))


def train_layer(network: Network, layer: str, images: Images, out: Path, budget: Budget) -> tuple[Rows, SAE]:
    """Rows of a layer and the dictionary of its features, under `out`; what is there already is not made again."""
    rows = capture_layers(network, {layer: rows_folder(out, layer)}, images, budget.positions)[layer]
    member = {FEATURES: SAESpec(budget.recipe(rows.dim), budget.training.seed)}
    return rows, train_many(rows, member, out / layer / DICTIONARIES, budget.training, network.device)[FEATURES]


def rows_folder(out: Path, layer: str, policy: str = "magnitude") -> Path:
    """Where the rows of a layer are kept that were drawn by a policy."""
    return out / layer / f"rows-{policy}"
