"""Any torch module as something to read: forward hooks that live as long as one forward pass."""

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
from visae.networks._layers import Layer
from visae.networks._probe import receptive_range


class _ReadAllError(Exception):
    """Not a fault: the last value needed has been read."""


class Hooked(nn.Module):
    """A module whose submodules' outputs are read by hooks. A submodule called several times is read at its last call.

    `layers` has the submodules in the order of the forward pass; a layer's geometry is found out when first asked for.
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
        self._modules_by_name = dict(module.named_modules())
        for name in names or ():
            if name not in self._modules_by_name:
                raise unknown("submodule", name, filter(None, self._modules_by_name))
        self._calls, shapes = self._look(list(names or filter(None, self._modules_by_name)))
        for name in names or ():
            if name not in shapes:
                raise VisaeError(f"submodule {name!r} gives no maps [b, c, h, w]; choose one that does")
        self._shapes = shapes
        self.layers: Mapping[str, Layer] = _Lazy(shapes, self._layer)

    def read(self, images: Float[Tensor, "b 3 h w"], names: Iterable[str]) -> dict[str, Tensor]:
        """The named layers' maps; the forward pass stops after the last one."""
        wanted = list(dict.fromkeys(names))
        found: dict[str, Tensor] = {}
        missing = Counter({name: self._calls[name] for name in wanted})

        def take(name: str, value: Any) -> None:
            missing[name] -= 1
            if missing[name]:
                return
            done = not any(missing.values())
            # A later in-place operation of the module would change what was read.
            found[name] = value if done else value.clone()
            if done:
                raise _ReadAllError

        with self._hooks(wanted, take), suppress(_ReadAllError):
            self.module(self.preprocess(images))
        return {name: found[name] for name in wanted}

    def logits(
        self, images: Float[Tensor, "b 3 h w"], replaced: Mapping[str, Callable[[Tensor], Tensor]] = {}
    ) -> Tensor:
        """The module's output.

        replaced: functions, by the name of a submodule, through which its output goes before anyone uses it; if it is
                  called several times, at its last call. Raises `VisaeError` where these images lead to another number
                  of calls than the probing image did, so that the last one is not known.
        """
        missing = Counter({name: self._calls[name] for name in replaced})

        def put(name: str, value: Any) -> Tensor | None:
            missing[name] -= 1
            return None if missing[name] else replaced[name](value)

        with self._hooks(list(replaced), put):
            output: Tensor = self.module(self.preprocess(images))
        for name, left in missing.items():
            if left:
                calls = self._calls[name]
                raise VisaeError(
                    f"cannot replace {name!r}: it is called {calls - left} times here, {calls} were expected"
                )
        return output

    @contextmanager
    def _hooks(self, names: Sequence[str], take: Callable[[str, Any], Tensor | None]) -> Iterator[None]:
        """Hooks that are given each submodule's output; what `take` returns, if not None, takes the output's place."""
        with ExitStack() as stack:
            for name in names:
                handle = self._modules_by_name[name].register_forward_hook(partial(_pass_on, take, name))
                stack.callback(handle.remove)
            yield

    @torch.no_grad()
    def _look(self, names: Sequence[str]) -> tuple[Counter[str], dict[str, tuple[int, ...]]]:
        """How often each submodule is called in a forward pass, and the shapes of the maps, in the order of calls."""
        calls: Counter[str] = Counter()
        shapes: dict[str, tuple[int, ...]] = {}

        def take(name: str, value: Any) -> None:
            calls[name] += 1
            if isinstance(value, Tensor) and value.ndim == 4:
                shapes[name] = tuple(value.shape)

        try:
            with self._hooks(names, take):
                self.module(self.preprocess(self._blank(self.size)))
        except Exception as error:
            raise VisaeError(
                f"the module fails on an RGB image of {self.size}x{self.size} px ({error}); "
                "give the size and the preprocess that it expects"
            ) from error
        return calls, shapes

    @torch.no_grad()
    def _layer(self, name: str) -> Layer:
        """The geometry of a layer; looked for in wider images while a border cuts the receptive field off."""
        columns = {width: self._columns(name, width) for width in (self.size, 2 * self.size, 4 * self.size)}
        stride = _stride(self.size, columns[self.size], columns[2 * self.size])
        for width in (width for width, count in columns.items() if count):
            middle = columns[width] // 2
            first, last = receptive_range(partial(self._row, name), middle, width, self._device)
            if first > 0 and last < width - 1:
                return self._geometry(name, stride, last - first + 1, (first + last) / 2 - stride * middle)
        middle = columns[self.size] // 2
        return self._geometry(name, stride, self.size, (self.size - 1) / 2 - stride * middle)

    def _geometry(self, name: str, stride: int, receptive_field: int, offset: float) -> Layer:
        return Layer(name, self._shapes[name][1], stride, receptive_field, offset)

    def _row(self, name: str, images: Tensor) -> Tensor:
        """The layer's maps of the upper part of images, as high as the images of `size`."""
        return self.read(images[:, :, : self.size], [name])[name]

    def _columns(self, name: str, width: int) -> int:
        """How many columns the layer's maps of images of a width have; 0 for a module that refuses that width."""
        try:
            return self._row(name, self._blank(width)).shape[3]
        # Modules that take one size only say so in many ways.
        except Exception:
            return 0

    def _blank(self, side: int) -> Tensor:
        return torch.zeros(1, 3, side, side, device=self._device)

    @property
    def _device(self) -> torch.device:
        tensors = chain(self.module.parameters(), self.module.buffers())
        return next((tensor.device for tensor in tensors), torch.device("cpu"))


def _stride(size: int, columns: int, in_double_width: int) -> int:
    """How many px of the image lie between neighbouring columns.

    The columns that the same width again adds: without padding there are fewer than `size` / stride of them.
    """
    added = in_double_width - columns
    return max(round(size / (added if added > 0 else columns)), 1)


def _pass_on(
    take: Callable[[str, Any], Tensor | None], name: str, _module: nn.Module, _arguments: Any, output: Any
) -> Tensor | None:
    return take(name, output)


class _Lazy(Mapping[str, Layer]):
    """Layers that are worked out when first asked for; all names are there from the start."""

    def __init__(self, names: Iterable[str], make: Callable[[str], Layer]):
        self._known: dict[str, Layer | None] = dict.fromkeys(names)
        self._make = make

    def __getitem__(self, name: str) -> Layer:
        layer = self._known[name]
        if layer is None:
            layer = self._known[name] = self._make(name)
        return layer

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)
