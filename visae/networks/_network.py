"""A network under study: named layers, its own preprocessing, and the digest of its weights."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from visae._support.errors import VisaeError, unknown
from visae.networks._hooks import HookedModule
from visae.networks._layers import Layer, check_position
from visae.networks._weights import weights_digest
from visae.networks.planted._network import Truth


@runtime_checkable
class Readable(Protocol):
    """What a `Network` wraps: a module that reads its own layers from RGB images, 0..1.

    Optional methods: `logits`, as `Network.logits`; `read_at`, as `Network.read_at`, if reading one position is cheaper
    than computing the maps; and `middle`, which returns the row and column of the middle of all its layers' maps.
    """

    @property
    def layers(self) -> Mapping[str, Layer]:
        """The layers that can be read, in the order of the forward pass."""

    def read(self, images: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """Return the named layers' maps; the forward pass stops after the last one needed."""


class Network:
    """A convnet under study.

    name:    the name by which `visae.network` opens it.
    digest:  SHA-256 of its weights, independent of the file format they were stored in.
    """

    def __init__(self, name: str, readable: Readable, digest: str, device: torch.device | str = "cpu"):
        self.name, self.readable, self.digest = name, readable, digest
        self.device = torch.device(device)
        if isinstance(readable, nn.Module):
            readable.to(self.device)

    @classmethod
    def from_module(
        cls,
        module: nn.Module,
        layers: Sequence[str] | None = None,
        preprocess: Callable[[Tensor], Tensor] | None = None,
        name: str = "module",
        device: torch.device | str = "cpu",
        size: int = 224,
    ) -> "Network":
        """Wrap any torch module as a network.

        layers:      names of submodules (as in `module.named_modules()`) whose outputs are maps `[b, c, h, w]`;
                     all of them if None.
        preprocess:  maps RGB images `[b, 3, h, w]`, 0..1, to the module's input; the identity if None.
        size:        side, in px, of the images used to measure channels, strides and receptive fields.

        The module is put into evaluation mode and moved to `device`. Raises `VisaeError` for a layer that does not
        exist or does not output maps.
        """
        if isinstance(layers, str):
            raise VisaeError(f"layers is the string {layers!r}; give a list of names, [{layers!r}]")
        hooked = HookedModule(module.eval().to(device), preprocess or _identity, size, layers)
        return cls(name, hooked, weights_digest(module.state_dict()), device)

    @property
    def truth(self) -> Truth | None:
        """The planted network's ground truth; None for all other networks."""
        truth: Truth | None = getattr(self.readable, "truth", None)
        return truth

    @property
    def layers(self) -> Mapping[str, Layer]:
        """The layers that can be read, in the order of the forward pass."""
        return self.readable.layers

    def layer(self, name: str) -> Layer:
        """Return a layer by name; raises `VisaeError` with the nearest names if there is none."""
        if name not in self.layers:
            raise unknown(f"layer of {self.name}", name, self.layers)
        return self.layers[name]

    @property
    def classifies(self) -> bool:
        """Whether the network has logits."""
        return hasattr(self.readable, "logits")

    def maps(self, images: Float[Tensor, "b 3 h w"], layers: Sequence[str]) -> dict[str, Tensor]:
        """Return maps `{layer: [b, c, H, W]}` of RGB images, 0..1; stop the forward pass after the last layer needed.

        Gradients flow to the images unless the caller turns them off. Raises `VisaeError` for an unknown layer.
        """
        for name in layers:
            self.layer(name)
        return self.readable.read(images.to(self.device), list(layers))

    def read_at(
        self, images: Float[Tensor, "b 3 h w"], positions: Mapping[str, tuple[int, int]]
    ) -> dict[str, Float[Tensor, "b _ 1 1"]]:
        """Return each layer at one position of its maps, `{layer: [b, c, 1, 1]}`, of RGB images, 0..1.

        positions: row and column, by layer.

        The planted network computes only these positions; all other networks compute the maps and crop them. Raises
        `VisaeError` for an unknown layer, and for a position outside its maps.
        """
        for name in positions:
            self.layer(name)
        read = getattr(self.readable, "read_at", None)
        if read is not None:
            values: dict[str, Tensor] = read(images.to(self.device), positions)
            return values
        maps = self.maps(images, list(positions))
        return {name: _at_position(name, maps[name], *position) for name, position in positions.items()}

    def read_middle(
        self, images: Float[Tensor, "b 3 h w"], layers: Sequence[str]
    ) -> dict[str, Float[Tensor, "b _ 1 1"]]:
        """Return each layer at the middle position of its maps, (h // 2, w // 2), as `read_at` does."""
        middle = getattr(self.readable, "middle", None)
        if middle is not None:
            return self.read_at(images, dict.fromkeys(layers, middle(images)))
        return {name: middle_position(maps) for name, maps in self.maps(images, layers).items()}

    @torch.inference_mode()
    def map_shapes(self, layers: Sequence[str], size: int) -> dict[str, tuple[int, int, int]]:
        """Return channels, height and width of the layers' maps for square images of `size` px.

        Raises `VisaeError` if no layer is named, and for a size that the network cannot process.
        """
        if not layers:
            raise VisaeError(f"no layer of {self.name} to read; name one, for instance {next(iter(self.layers))}")
        try:
            maps = self.maps(torch.zeros(1, 3, size, size), layers)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise VisaeError(
                f"{self.name} cannot take images of {size}x{size} px: {reason}; try another size"
            ) from None
        return {layer: (maps[layer].shape[1], maps[layer].shape[2], maps[layer].shape[3]) for layer in layers}

    def logits(
        self, images: Float[Tensor, "b 3 h w"], replaced: Mapping[str, Callable[[Tensor], Tensor]] = {}
    ) -> Float[Tensor, "b classes"]:
        """Return class scores before the softmax, `[b, classes]`.

        replaced: functions, by layer name, that map the layer's maps `[b, c, H, W]` to the maps, of the same shape,
        with which the forward pass continues.

        Raises `VisaeError` for a network without classes, and for a layer that is unknown or cannot be replaced.
        """
        for name in replaced:
            self.layer(name)
        score = getattr(self.readable, "logits", None)
        if score is None:
            raise VisaeError(f"{self.name} does not classify: it has maps but no logits")
        logits: Tensor = score(images.to(self.device), replaced)
        return logits


def middle_position(maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c 1 1"]:
    """Return maps at their middle position only, (h // 2, w // 2)."""
    row, column = maps.shape[2] // 2, maps.shape[3] // 2
    return maps[:, :, row : row + 1, column : column + 1]


def _at_position(layer: str, maps: Float[Tensor, "b c h w"], row: int, column: int) -> Float[Tensor, "b c 1 1"]:
    check_position(layer, (row, column), (maps.shape[2], maps.shape[3]))
    return maps[:, :, row : row + 1, column : column + 1]


def _identity(images: Tensor) -> Tensor:
    return images
