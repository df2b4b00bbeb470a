"""Options that several commands share.

Neither this module nor the top of any command's module imports torch: a command imports what it needs when it runs, so
that its help and every error about its options appear at once.
"""

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from visae._support.errors import VisaeError
from visae._support.files import peek_header
from visae._support.paths import LEAVES, require_dictionary, require_images
from visae.networks._cards import named_card
from visae.networks._catalogue import TORCHVISION, is_planted, network_names, unknown_network
from visae.networks._weight_files import find_weights
from visae.training._config import TrainingConfig

if TYPE_CHECKING:
    from visae.activations import Positions
    from visae.images import Images
    from visae.networks import Network

_SIZE_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_CROP, _LEAVES_CROP = 224, 128  # px
Text = Annotated[str | None, tyro.conf.arg(metavar="STR", help_behavior_hint="(optional)")]
File = Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="(optional)")]


@dataclass(kw_only=True)
class DeviceOptions:
    """Where to compute."""

    device: Text = None
    """cpu, cuda, cuda:1, ... Without it: CUDA if available."""


@dataclass(kw_only=True)
class WeightsOptions(DeviceOptions):
    """Where a network's weights are."""

    weights: File = None
    """Weights file, or its folder. Without it: $VISAE_WEIGHTS, then the cache (see visae fetch)."""

    def open_named(self, name: str) -> "Network":
        """Open a network by name, with its weights."""
        import visae

        return visae.network(name, self.weights, self.device)

    def check_weights(self, name: str) -> None:
        """Raise `VisaeError` for an unknown network and for missing weights."""
        check_network(name)
        # Only torchvision knows the weights file of its classifiers, and it takes a second to import.
        if not is_planted(name) and not name.startswith(TORCHVISION):
            find_weights(named_card(name), self.weights)

    def check_dictionary(self, path: str | Path) -> None:
        """Raise `VisaeError` for a missing dictionary, and for missing weights of its network."""
        header = peek_header(require_dictionary(path))
        # A file that is not a dictionary is reported when it is loaded.
        about = header.get("about") if isinstance(header, dict) else None
        name = about.get("network") if isinstance(about, dict) else None
        if name in network_names():
            self.check_weights(name)


@dataclass(kw_only=True)
class NetworkOptions(WeightsOptions):
    """Which network."""

    network: str
    """planted, planted:S (lateral inhibition S, -1..1), inceptionv1, inceptionv1-caffe, or torchvision:NAME."""

    def open_network(self) -> "Network":
        """Open the network."""
        return self.open_named(self.network)

    def check(self) -> None:
        """Raise `VisaeError` for an unknown network and for missing weights."""
        self.check_weights(self.network)


@dataclass(kw_only=True)
class ImageSizeOptions:
    """How images are resized and cropped."""

    resize: int = 256
    """px, an image's short side after resizing; leaves are drawn at --crop."""
    crop: int = _CROP
    """px, side of the centre crop; also the size of leaves."""


@dataclass(kw_only=True)
class CaptureOptions(ImageSizeOptions):
    """Which images, and which positions in them."""

    images: str
    """A folder (searched recursively), a text file with one path per line, or leaves:N for N dead-leaves images."""
    positions: Annotated[int | Literal["all"], tyro.conf.arg(metavar="INT|all")] = 64
    """Positions to keep per image, or all."""
    policy: Literal["magnitude", "uniform"] = "magnitude"
    """magnitude samples positions with probability proportional to the activation's norm; uniform samples them
    equally."""
    border: int = 0
    """Positions to skip along each edge of the map."""
    max_disk: Text = None
    """Maximum size of the rows on disk, for instance 500MB or 20GB."""
    seed: int = 0
    """Seeds the leaves, positions, held-out images, row order and initial directions."""

    def open_images(self) -> "Images":
        """Open the images."""
        from visae.images import open_images

        return open_images(self.images, self.resize, self.crop, self.seed)

    def open_positions(self) -> "Positions":
        """How positions are drawn."""
        from visae.activations import Positions

        if self.positions == "all":
            return Positions("all", border=self.border, seed=self.seed)
        return Positions(self.policy, self.positions, self.border, self.seed)

    def max_bytes(self) -> int | None:
        """`max_disk` in bytes; raises `VisaeError` if it is not a size."""
        if self.max_disk is None:
            return None
        match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([KMGT]B)?", self.max_disk.strip().upper())
        if not match:
            raise VisaeError(f"--max-disk is {self.max_disk!r}; give a size such as 500MB or 20GB")
        return int(float(match[1]) * _SIZE_UNITS[match[2] or ""])

    def check_images(self) -> None:
        """Raise `VisaeError` for missing images, and for a --max-disk that is not a size."""
        require_images(self.images)
        self.max_bytes()


@dataclass(kw_only=True)
class TrainingOptions:
    """How to train."""

    rows_seen: int = TrainingConfig.rows_seen
    """Rows to train on, each counted as often as it is seen; fewer if the loss on held-out rows stops falling."""
    batch: int = TrainingConfig.batch
    """Rows per step."""
    lr: float = TrainingConfig.lr
    """Adam's peak learning rate; like --warmup and --revive, without effect on mod and online, which have no
    gradients."""
    warmup: float = TrainingConfig.warmup
    """Share of the steps over which the learning rate rises from zero."""
    decay: float = TrainingConfig.decay
    """Share of the steps, at the end, over which the learning rate falls to zero."""
    holdout: float = TrainingConfig.holdout
    """Share of the images held out for the metrics."""
    revive: float = TrainingConfig.revive
    """How far a silent feature's bias rises per step until it fires again, in learning rates; 0 to disable."""

    def open_training(self, seed: int) -> TrainingConfig:
        """The training settings; raises `VisaeError` for one out of range."""
        settings = {field.name: getattr(self, field.name) for field in fields(TrainingOptions)}
        return TrainingConfig(**settings, seed=seed)


def open_small(images: str, seed: int = 0) -> "Images":
    """Images at their default size: photographs 224 px, dead leaves 128, which keeps experiments on leaves quick."""
    from visae.images import open_images

    return open_images(images, crop=_LEAVES_CROP if images.startswith(LEAVES) else _CROP, seed=seed)


def check_network(name: str) -> None:
    """Raise `VisaeError` for an unknown network, with the nearest known names."""
    if not is_planted(name) and not name.startswith(TORCHVISION) and name not in network_names():
        raise unknown_network(name, network_names())


def check_at_least(least: int, **options: int) -> None:
    """Raise `VisaeError` for an option below its minimum."""
    for name, value in options.items():
        if value < least:
            raise VisaeError(f"--{name.replace('_', '-')} is {value}; it must be at least {least}")


def rows_beside(path: Path) -> Path:
    """The store of rows beside a dictionary or a sweep; raises `VisaeError` if there is none."""
    folders = [folder / "rows" for folder in (path, path.parent, path.parent.parent) if (folder / "rows").is_dir()]
    if not folders:
        raise VisaeError(f"there is no rows/ beside {path}; give --rows, the folder written by visae capture")
    return folders[0]
