"""Any torch module as a network: layers read by forward hooks, with their geometry measured by experiment."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import chain
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from visae._support.errors import VisaeError, unknown
from visae.networks._layers import Layer, LazyLayers


class _AllReadError(Exception):
    """Stops the forward pass once the last requested output has been read; not an error."""


class HookedModule(nn.Module):
    """A module whose submodules' outputs are read by hooks.

    A submodule that is called several times in a forward pass is read at its last call. `layers` lists the submodules
    in the order of the forward pass; the geometry of a layer is measured on first access.
    """

    def __init__(
        self,
        module: nn.Module,
        preprocess: Callable[[Tensor], Tensor],
        size: int,
        names: Sequence[str] | None = None,
    ):
        super().__init__()
        self.module, self.preprocess, self.size = module, preprocess, size
        self._submodules = dict(module.named_modules())
        for name in names or ():
            if name not in self._submodules:
                raise unknown("submodule", name, filter(None, self._submodules))
        self._calls, self._shapes = self._trace(list(names or filter(None, self._submodules)))
        for name in names or ():
            if name not in self._shapes:
                raise VisaeError(f"submodule {name!r} does not output maps [b, c, h, w]; choose one that does")
        self.layers: Mapping[str, Layer] = LazyLayers(self._shapes, self._measure)

    def read(self, images: Float[Tensor, "b 3 h w"], names: Iterable[str]) -> dict[str, Tensor]:
        """Return the named layers' maps; the forward pass stops after the last of them."""
        wanted = list(dict.fromkeys(names))
        maps: dict[str, Tensor] = {}
        remaining = Counter({name: self._calls[name] for name in wanted})

        def collect(name: str, output: Any) -> None:
            remaining[name] -= 1
            if remaining[name]:
                return
            done = not any(remaining.values())
            # A later in-place operation of the module would overwrite what was read.
            maps[name] = output if done else output.clone()
            if done:
                raise _AllReadError

        with self._output_hooks(wanted, collect), suppress(_AllReadError):
            self.module(self.preprocess(images))
        return {name: maps[name] for name in wanted}

    def logits(
        self, images: Float[Tensor, "b 3 h w"], replaced: Mapping[str, Callable[[Tensor], Tensor]] = {}
    ) -> Tensor:
        """Return the module's output.

        replaced: functions, by submodule name, applied to that submodule's output before anything uses it; at its last
                  call if it is called several times. Raises `VisaeError` if these images cause a different number of
                  calls than the probe image did, since the last call is then not known in advance.
        """
        remaining = Counter({name: self._calls[name] for name in replaced})

        def edit(name: str, output: Any) -> Tensor | None:
            remaining[name] -= 1
            return None if remaining[name] else replaced[name](output)

        with self._output_hooks(list(replaced), edit):
            output: Tensor = self.module(self.preprocess(images))
        for name, missed in remaining.items():
            if missed:
                expected = self._calls[name]
                raise VisaeError(
                    f"cannot replace {name!r}: it was called {expected - missed} times on these images, "
                    f"expected {expected}; replace a submodule that is called equally often on all images"
                )
        return output

    @contextmanager
    def _output_hooks(self, names: Sequence[str], on_output: Callable[[str, Any], Tensor | None]) -> Iterator[None]:
        """Call `on_output` with each submodule's name and output; a result other than None replaces the output."""
        with ExitStack() as stack:
            for name in names:
                handle = self._submodules[name].register_forward_hook(partial(_forward_hook, on_output, name))
                stack.callback(handle.remove)
            yield

    @torch.no_grad()
    def _trace(self, names: Sequence[str]) -> tuple[Counter[str], dict[str, tuple[int, ...]]]:
        """Count the calls of each submodule in a forward pass, and record the shapes of maps in the order of calls."""
        calls: Counter[str] = Counter()
        shapes: dict[str, tuple[int, ...]] = {}

        def record(name: str, output: Any) -> None:
            calls[name] += 1
            if isinstance(output, Tensor) and output.ndim == 4:
                shapes[name] = tuple(output.shape)

        try:
            with self._output_hooks(names, record):
                self.module(self.preprocess(self._blank(self.size)))
        except Exception as error:
            raise VisaeError(
                f"the module fails on an RGB image of {self.size}x{self.size} px ({error}); "
                "pass the size and the preprocess that it expects"
            ) from error
        return calls, shapes

    @torch.no_grad()
    def _measure(self, name: str) -> Layer:
        """Measure a layer's geometry, in ever wider images until the border no longer truncates the receptive field."""
        widths = {width: self._map_width(name, width) for width in (self.size, 2 * self.size, 4 * self.size)}
        stride = _stride(self.size, widths[self.size], widths[2 * self.size])
        for width in (width for width, columns in widths.items() if columns):
            middle = widths[width] // 2
            first, last = receptive_range(partial(self._read_strip, name), middle, width, self._device)
            if first > 0 and last < width - 1:
                return self._layer(name, stride, last - first + 1, (first + last) / 2 - stride * middle)
        middle = widths[self.size] // 2
        return self._layer(name, stride, self.size, (self.size - 1) / 2 - stride * middle)

    def _layer(self, name: str, stride: int, receptive_field: int, offset: float) -> Layer:
        return Layer(name, self._shapes[name][1], stride, receptive_field, offset)

    def _read_strip(self, name: str, images: Tensor) -> Tensor:
        """Read a layer over the top `size` rows of images."""
        return self.read(images[:, :, : self.size], [name])[name]

    def _map_width(self, name: str, width: int) -> int:
        """Return the width of a layer's maps for images of a given width; 0 if the module rejects that width."""
        try:
            return self._read_strip(name, self._blank(width)).shape[3]
        # Modules that accept a single size report it with all kinds of errors.
        except Exception:
            return 0

    def _blank(self, side: int) -> Tensor:
        return torch.zeros(1, 3, side, side, device=self._device)

    @property
    def _device(self) -> torch.device:
        tensors = chain(self.module.parameters(), self.module.buffers())
        return next((tensor.device for tensor in tensors), torch.device("cpu"))


def _forward_hook(
    on_output: Callable[[str, Any], Tensor | None], name: str, _module: nn.Module, _arguments: Any, output: Any
) -> Tensor | None:
    return on_output(name, output)


def _stride(size: int, columns: int, columns_at_double_width: int) -> int:
    """Return the px between neighbouring columns of a map.

    Computed from the columns that doubling the width adds: without padding, `size` px alone give fewer than `size` /
    stride.
    """
    added = columns_at_double_width - columns
    return max(round(size / (added if added > 0 else columns)), 1)


# cuDNN may convolve in tiles (Winograd, FFT), and would spread a NaN over a whole tile.
@torch.backends.cudnn.flags(enabled=False)
@torch.inference_mode()
def receptive_range(
    read: Callable[[Tensor], Tensor], position: int, size: int, device: torch.device | str = "cpu"
) -> tuple[int, int]:
    """Return the first and last column of the image, in px, that a column of a layer's maps depends on.

    read:      maps images [1, 3, size, size] to the layer's maps.
    position:  the column of the maps.

    A NaN in the image reaches exactly the positions that depend on it, so bisection finds both ends in 2 log2(size)
    forward passes. A network that mixes all positions in one step (squeeze-and-excitation, attention) depends on the
    whole image: (0, size - 1).
    """

    def reached(first: int, last: int) -> bool:
        images = torch.zeros(1, 3, size, size, device=device)
        images[..., first:last] = torch.nan
        return bool(read(images)[..., position].isnan().any())

    first = _bisect(size, lambda column: reached(0, column + 1))
    last = size - 1 - _bisect(size, lambda column: reached(size - 1 - column, size))
    return first, last


def _bisect(size: int, reached: Callable[[int], bool]) -> int:
    """Return the smallest of 0..size-1 for which `reached` is true, given that it is true for all larger ones."""
    low, high = 0, size - 1
    while low < high:
        middle = (low + high) // 2
        if reached(middle):
            high = middle
        else:
            low = middle + 1
    return low
