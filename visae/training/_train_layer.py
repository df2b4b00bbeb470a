"""Train the dictionaries of one layer: how much to spend on it, and where its rows and dictionaries are stored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from visae.activations import Positions, Rows, capture_layers
from visae.images import Images
from visae.networks import Network
from visae.sae import MOD, SAE, Online, ReLU, SAEConfig, TopK
from visae.training._config import SAESpec, TrainingConfig
from visae.training._train import train_many

# Names on disk: the folders of a layer's dictionaries, of which that of a kind has its name, and of their nulls.
DICTIONARIES, NULLS = "dictionaries", "nulls"
# The kind on which results rest if nothing else is said, and one with an encoder.
MAIN, ENCODED = "mod", "topk"


@dataclass(frozen=True)
class Budget:
    """How much to spend on each layer.

    configs:   by kind, a function from a layer's number of channels to the configuration of its dictionary.
    training:  how dictionaries are trained.
    positions: which positions in each image are captured.
    images:    maximum number of images over which the standard deviations of units are measured.
    """

    configs: Mapping[str, Callable[[int], SAEConfig]]
    training: TrainingConfig
    positions: Positions
    images: int = 256

    def config(self, channels: int, kind: str = MAIN) -> SAEConfig:
        """Return the configuration of a dictionary of this kind over a layer of so many channels.

        Raises `VisaeError` for settings out of range.
        """
        return self.configs[kind](channels)


def default_budget(
    network: str,
    k: int | None = None,
    width: int | None = None,
    rows_seen: int | None = None,
    lr: float = TrainingConfig.lr,
    positions: int = 64,
    seed: int = 0,
    l1: float = 2.0,
) -> Budget:
    """Return a budget for `mod`, `online`, `relu` and `topk` with 8 features per channel, trained by the defaults.

    k = channels / 24, at least 2, for `mod` and `online`, whose descriptions are shortest with so few features, and
    channels / 12 for `topk`. `l1` is the penalty of `relu`.

    On the planted network, which is small and has a known ground truth: 128 features, k = 2, 2,000,000 rows in batches
    of 1,024. `k`, `width` and `rows_seen` override these defaults for every kind and layer if they are not
    None. Raises `VisaeError` for values out of range: for `k` and `width` when the configuration of a layer is made.
    """
    planted = network.startswith("planted")

    def features(channels: int) -> int:
        return width if width is not None else 128 if planted else 8 * channels

    def pursuit(kind: type[MOD | Online], channels: int) -> SAEConfig:
        return kind(width=features(channels), k=k if k is not None else max(channels // 24, 2))

    def topk(channels: int) -> SAEConfig:
        return TopK(width=features(channels), k=k if k is not None else 2 if planted else max(channels // 12, 1))

    configs: dict[str, Callable[[int], SAEConfig]] = {
        "mod": partial(pursuit, MOD),
        "online": partial(pursuit, Online),
        "relu": lambda channels: ReLU(width=features(channels), l1=l1),
        "topk": topk,
    }
    default_length, batch = (2_000_000, 1024) if planted else (TrainingConfig.rows_seen, TrainingConfig.batch)
    length = default_length if rows_seen is None else rows_seen
    training = TrainingConfig(rows_seen=length, batch=batch, lr=lr, seed=seed)
    return Budget(configs, training, Positions(count=positions, seed=seed))


def train_layer(
    network: Network, layer: str, images: Images, out: str | Path, budget: Budget, kind: str = MAIN
) -> tuple[Rows, SAE]:
    """Capture the rows of a layer and train a dictionary of one kind under `out`; reuse what is finished there.

    kind: one of `budget.configs`.

    Raises `VisaeError` if the rows or the dictionary in `out` were made with other settings.
    """
    out = Path(out)
    rows = capture_layers(network, {layer: rows_folder(out, layer)}, images, budget.positions)[layer]
    spec = SAESpec(budget.config(rows.dim, kind), budget.training.seed)
    saes = train_many(rows, {kind: spec}, out / layer / DICTIONARIES, budget.training, network.device)
    return rows, saes[kind]


def rows_folder(out: Path, layer: str, policy: str = "magnitude") -> Path:
    """Return the folder for the rows of a layer whose positions were sampled by `policy`."""
    return out / layer / f"rows-{policy}"
