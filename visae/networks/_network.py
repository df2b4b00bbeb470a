"""A network under study: named layers, its own preprocessing, verified weights."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from visae._support.errors import VisaeError, unknown
from visae.networks._hooks import Hooked
from visae.networks._layers import Layer, middle_position, refuse_outside
from visae.networks._weights import digest
from visae.networks.planted._network import Truth


@runtime_checkable
class Readable(Protocol):
    """What stands behind a network: a module that reads its own layers from RGB images, 0..1.

    It may also have `read_at`, as `Network.read_at`, if one position costs it less than the maps, and `middle`, from
    images to the row and column at the middle of all its layers' maps.
    """

    @property
    def layers(self) -> Mapping[str, Layer]:
        """The layers that can be read, in the order of the forward pass."""

    def read(self, images: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """The named layers' maps, by a forward pass that stops after the last one needed."""


class Network:
    """A convnet under study.

    name:    what `visae.network` calls it.
    digest:  SHA-256 of its weights, whatever file they came in.
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
        """Any torch module as a network.

        layers:      names of submodules (as in `module.named_modules()`) whose outputs are maps `[b, c, h, w]`;
                     every one of them if None.
        preprocess:  from RGB images `[b, 3, h, w]`, 0..1, to what the module expects; nothing if None.
        size:        px, side of the images with which channels, strides and receptive fields are found out.

        The module is put into evaluation mode and moved to `device`. Raises `VisaeError` for a layer that does not
        exist or gives no maps.
        """
        if isinstance(layers, str):
            raise VisaeError(f"layers is the text {layers!r}; give a list of names, [{layers!r}]")
        hooked = Hooked(module.eval().to(device), preprocess or _unchanged, size, layers)
        return cls(name, hooked, digest(module.state_dict()), device)

    @property
    def truth(self) -> Truth | None:
        """What is planted in the planted network; None for all others."""
        truth: Truth | None = getattr(self.readable, "truth", None)
        return truth

    @property
    def layers(self) -> Mapping[str, Layer]:
        """The layers that can be read, in the order of the forward pass."""
        return self.readable.layers

    def layer(self, name: str) -> Layer:
        """A layer by name; raises `VisaeError` with the nearest names if there is none."""
        if name not in self.layers:
            raise unknown(f"layer of {self.name}", name, self.layers)
        return self.layers[name]

    @property
    def classifies(self) -> bool:
        """Whether it has logits."""
        return hasattr(self.readable, "logits")

    def maps(self, images: Float[Tensor, "b 3 h w"], layers: Sequence[str]) -> dict[str, Tensor]:
        """Maps `{layer: [b, c, H, W]}` of RGB images, 0..1; the forward pass stops after the last layer needed.

        Gradients flow to the images unless the caller turns them off.
        """
        for name in layers:
            self.layer(name)
        return self.readable.read(images.to(self.device), list(layers))

    def read_at(
        self, images: Float[Tensor, "b 3 h w"], positions: Mapping[str, tuple[int, int]]
    ) -> dict[str, Float[Tensor, "b _ 1 1"]]:
        """Layers of RGB images, 0..1, at one position of each, a row and a column of its maps: `{layer: [b, c, 1, 1]}`.

        The planted network reads no other positions; of all others the maps are made, and cut. Raises `VisaeError` for
        a layer that does not exist, and for a position that its maps do not have.
        """
        for name in positions:
            self.layer(name)
        read = getattr(self.readable, "read_at", None)
        if read is not None:
            found: dict[str, Tensor] = read(images.to(self.device), positions)
            return found
        maps = self.maps(images, list(positions))
        return {name: _cut(name, maps[name], *position) for name, position in positions.items()}

    def read_middle(
        self, images: Float[Tensor, "b 3 h w"], layers: Sequence[str]
    ) -> dict[str, Float[Tensor, "b _ 1 1"]]:
        """Layers of RGB images, 0..1, at the middle position of their maps, (h // 2, w // 2), alone; see `read_at`."""
        middle = getattr(self.readable, "middle", None)
        if middle is not None:
            return self.read_at(images, dict.fromkeys(layers, middle(images)))
        return {name: middle_position(maps) for name, maps in self.maps(images, layers).items()}

    @torch.inference_mode()
    def map_shapes(self, layers: Sequence[str], size: int) -> dict[str, tuple[int, int, int]]:
        """Channels, height and width of the layers' maps of square images of `size` px.

        Raises `VisaeError` for no layers, and for a size that the network cannot take.
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
        """Class scores before the softmax, `[b, classes]`.

        replaced: functions by the name of a layer, from its maps `[b, c, H, W]` to those that the network goes on with
                  in their place, of the same shape.

        Raises `VisaeError` for a network without classes, and for a layer that does not exist or cannot be replaced.
        """
        for name in replaced:
            self.layer(name)
        score = getattr(self.readable, "logits", None)
        if score is None:
            raise VisaeError(f"{self.name} does not classify: it has maps, no logits")
        logits: Tensor = score(images.to(self.device), replaced)
        return logits


def _cut(name: str, maps: Float[Tensor, "b c h w"], row: int, column: int) -> Float[Tensor, "b c 1 1"]:
    refuse_outside(name, (row, column), (maps.shape[2], maps.shape[3]))
    return maps[:, :, row : row + 1, column : column + 1]


def _unchanged(images: Tensor) -> Tensor:
    return images
