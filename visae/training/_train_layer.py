"""Train the dictionary of one layer: how much to spend on it, and where its rows and dictionaries are stored."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from visae.activations import Positions, Rows, capture_layers
from visae.images import Images
from visae.networks import Network
from visae.sae import SAE, SAEConfig, TopK
from visae.training._config import SAESpec, TrainingConfig
from visae.training._train import train_many

# Names on disk: the folder of a layer's dictionaries, and the main dictionary in it.
DICTIONARIES, FEATURES = "dictionaries", "features"


@dataclass(frozen=True)
class Budget:
    """How much to spend on each layer.

    config:    maps a layer's number of channels to the configuration of its SAE.
    training:  how SAEs are trained.
    positions: which positions in each image are captured.
    l1:        L1 penalty of the ReLU SAE of the same width that a reproduction trains beside it.
    images:    maximum number of images over which the standard deviations of units are measured.
    """

    config: Callable[[int], SAEConfig]
    training: TrainingConfig
    positions: Positions
    l1: float = 2.0
    images: int = 256


def default_budget(
    network: str,
    k: int | None = None,
    width: int | None = None,
    rows_seen: int | None = None,
    lr: float = TrainingConfig.lr,
    positions: int = 64,
    seed: int = 0,
) -> Budget:
    """Return a budget for TopK SAEs with 8 features per channel and k = channels / 12, trained by the defaults.

    TopK, since what uses budgets are the results of papers, whose pages speak of it, and some need an encoder.

    On the planted network, which is small and has a known ground truth: 128 features, k = 2, 2,000,000 rows in batches
    of 1,024. Arguments that are not None override these defaults for every layer. Raises `VisaeError` for values out of
    range: for `k` and `width` when the configuration of a layer is made.
    """
    planted = network.startswith("planted")

    def config(channels: int) -> SAEConfig:
        default_k, default_width = (2, 128) if planted else (max(channels // 12, 1), 8 * channels)
        return TopK(k=default_k if k is None else k, width=default_width if width is None else width)

    default_length, batch = (2_000_000, 1024) if planted else (TrainingConfig.rows_seen, TrainingConfig.batch)
    length = default_length if rows_seen is None else rows_seen
    training = TrainingConfig(rows_seen=length, batch=batch, lr=lr, seed=seed)
    return Budget(config, training, Positions(count=positions, seed=seed))


def train_layer(network: Network, layer: str, images: Images, out: str | Path, budget: Budget) -> tuple[Rows, SAE]:
    """Capture the rows of a layer and train its dictionary under `out`; reuse what a previous call finished there.

    Raises `VisaeError` if the rows or the dictionary in `out` were made with other settings.
    """
    out = Path(out)
    rows = capture_layers(network, {layer: rows_folder(out, layer)}, images, budget.positions)[layer]
    spec = SAESpec(budget.config(rows.dim), budget.training.seed)
    saes = train_many(rows, {FEATURES: spec}, out / layer / DICTIONARIES, budget.training, network.device)
    return rows, saes[FEATURES]


def rows_folder(out: Path, layer: str, policy: str = "magnitude") -> Path:
    """Return the folder for the rows of a layer whose positions were sampled by `policy`."""
    return out / layer / f"rows-{policy}"
