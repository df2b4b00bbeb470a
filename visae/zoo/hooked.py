"""Any torch module as something to read: forward hooks that live as long as one forward pass."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from visae.errors import VisaeError, unknown
from visae.zoo.layers import Layer
from visae.zoo.probe import receptive_range


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
        wanted = list(names)
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

    def logits(self, images: Float[Tensor, "b 3 h w"]) -> Tensor:
        """The module's output."""
        output: Tensor = self.module(self.preprocess(images))
        return output

    @contextmanager
    def _hooks(self, names: Sequence[str], take: Callable[[str, Any], None]) -> Iterator[None]:
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

        with self._hooks(names, take):
            self.module(self.preprocess(torch.zeros(1, 3, self.size, self.size, device=self._device)))
        return calls, shapes

    def _layer(self, name: str) -> Layer:
        _, channels, _, columns = self._shapes[name]
        stride = max(round(self.size / columns), 1)
        middle = columns // 2
        first, last = receptive_range(lambda images: self.read(images, [name])[name], middle, self.size, self._device)
        return Layer(name, channels, stride, last - first + 1, (first + last) / 2 - stride * middle)

    @property
    def _device(self) -> torch.device:
        return next((p.device for p in self.module.parameters()), torch.device("cpu"))


def _pass_on(take: Callable[[str, Any], None], name: str, _module: nn.Module, _arguments: Any, output: Any) -> None:
    take(name, output)


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
