"""Options that several subcommands share."""

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

import visae
from visae._support.errors import VisaeError
from visae.activations import Positions
from visae.activations._positions import Policy
from visae.images import Images, open_images
from visae.networks import Network
from visae.sae import SAEConfig, recipe
from visae.training import TrainingConfig

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
Kind = Literal[
    "topk",
    "batchtopk",
    "relu",
    "gated",
    "jumprelu",
    "matryoshka",
    "archetypal",
    "block",
    "pca",
    "ica",
    "random",
    "neurons",
]
Number = Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: the kind's)")]
Real = Annotated[float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: the kind's)")]
Text = Annotated[str | None, tyro.conf.arg(metavar="STR", help_behavior_hint="(optional)")]
File = Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="(optional)")]


def open_usual(images: str, seed: int = 0) -> Images:
    """Images of the usual size: photographs 224 px, dead leaves 128, so that what is tried on them takes minutes."""
    return open_images(images, crop=128 if images.startswith("leaves:") else 224, seed=seed)


@dataclass(kw_only=True)
class NetworkOptions:
    """Which network, and where its weights are."""

    network: str
    """planted, planted:S (lateral inhibition S, -1..1), inceptionv1, inceptionv1-caffe, or torchvision:NAME."""
    weights: File = None
    """File of weights, or a folder that holds it. Without it: $VISAE_WEIGHTS, then the cache (see visae fetch)."""
    device: Text = None
    """cpu, cuda, cuda:1, ... Without it: CUDA where there is one."""

    def open_network(self) -> Network:
        """The network, with its weights."""
        return visae.network(self.network, self.weights, self.device)


@dataclass(kw_only=True)
class ImageOptions:
    """Which images, and which positions of them."""

    images: str
    """A folder (searched through and through), a text file with a path a line, or leaves:N for N dead-leaves images."""
    positions: Annotated[int | Literal["all"], tyro.conf.arg(metavar="INT|all")] = 64
    """Positions to keep of every image, or all."""
    policy: Policy = "magnitude"
    """magnitude draws positions with probability proportional to the activation's norm, uniform draws all alike."""
    border: int = 0
    """Positions to leave out along every side of the map."""
    resize: int = 256
    """px to which an image's short side is brought; no meaning for leaves."""
    crop: int = 224
    """px, side of the square cut from the middle; the size of leaves."""
    max_disk: Text = None
    """The most that the rows may take on disk, for instance 500MB or 20GB."""
    seed: int = 0
    """Decides leaves, positions, held-out images, the order of rows and the first directions."""

    def open_images(self) -> Images:
        """The images."""
        return open_images(self.images, self.resize, self.crop, self.seed)

    def chosen_positions(self) -> Positions:
        """How positions are chosen."""
        if self.positions == "all":
            return Positions("all", border=self.border, seed=self.seed)
        return Positions(self.policy, self.positions, self.border, self.seed)

    def most_bytes(self) -> int | None:
        """`max_disk` in bytes; raises `VisaeError` for what is no size."""
        if self.max_disk is None:
            return None
        found = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([KMGT]B)?", self.max_disk.strip().upper())
        if not found:
            raise VisaeError(f"--max-disk is {self.max_disk!r}; give a size such as 500MB or 20GB")
        return int(float(found[1]) * _UNITS[found[2] or ""])


@dataclass(kw_only=True)
class SAEOptions:
    """What to train. Options of the SAE that are left out have the defaults of its kind."""

    sae: Kind = "topk"
    """The kind of dictionary; pca, ica, random and neurons are baselines, fitted and not trained."""
    width: Number = None
    """Features; for baselines, all dimensions by default."""
    k: Number = None
    """topk, archetypal: features that may fire at one position; batchtopk, matryoshka: so many on average; baselines:
    the strongest that are kept, all by default."""
    aux_k: Number = None
    """topk and its kin: dead features that together explain the residual; 0 for none."""
    aux_weight: Real = None
    """topk and its kin: weight of that term."""
    dead_after: Number = None
    """topk and its kin: rows without firing after which a feature counts as dead."""
    origin: Annotated[str | None, tyro.conf.arg(metavar="mean|median", help_behavior_hint="(default: mean)")] = None
    """topk and its kin: where the bias starts, at the data's mean or at their geometric median."""
    l1: Real = None
    """relu, gated: weight of the L1 penalty."""
    l0: Real = None
    """jumprelu: weight of the L0 penalty."""
    target: Real = None
    """jumprelu: the L0 to reach, if it is to be reached and not only fused_relu."""
    bandwidth: Real = None
    """jumprelu: width of the kernel with which thresholds learn."""
    threshold: Real = None
    """jumprelu: where the thresholds start."""
    levels: Number = None
    """matryoshka: nested prefixes, each half as wide as the next."""
    centroids: Number = None
    """archetypal: centroids of the data that features are combinations of; as many as features by default."""
    delta: Real = None
    """archetypal: how far a feature may lie from its combination."""
    size: Number = None
    """block: dimensions of a block."""
    blocks: Number = None
    """block: blocks that may fire at one position."""

    def given(self) -> dict[str, Any]:
        """The settings of the SAE that were given."""
        settings: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(SAEOptions)[1:]}
        return {name: value for name, value in settings.items() if value is not None}

    def open_recipe(self) -> SAEConfig:
        """The SAE's recipe; raises `VisaeError` for an option that its kind does not have."""
        return recipe(self.sae, self.given())


@dataclass(kw_only=True)
class TrainingOptions:
    """How to train."""

    epochs: int = TrainingConfig.epochs
    """Passes over the rows."""
    batch: int = TrainingConfig.batch
    """Rows a step."""
    lr: float = TrainingConfig.lr
    """Adam's learning rate at its height."""
    warmup: float = TrainingConfig.warmup
    """Share of the steps over which the rate rises from zero."""
    decay: float = TrainingConfig.decay
    """Share of the steps, at the end, over which the rate falls to zero."""
    holdout: float = TrainingConfig.holdout
    """Share of the images kept for the figures."""
    revive: float = TrainingConfig.revive
    """How far a silent feature's bias rises in each step until it fires again, in learning rates; 0 for not at all."""

    def open_training(self, seed: int) -> TrainingConfig:
        """The settings of training."""
        settings = {field.name: getattr(self, field.name) for field in fields(TrainingOptions)}
        return TrainingConfig(**settings, seed=seed)


def rows_beside(place: Path) -> Path:
    """The store of rows beside a dictionary or a sweep; raises `VisaeError` if there is none."""
    beside = [folder / "rows" for folder in (place, place.parent, place.parent.parent)]
    there = [folder for folder in beside if folder.is_dir()]
    if not there:
        raise VisaeError(f"there is no rows/ beside {place}; give --rows, the folder that visae capture made")
    return there[0]
