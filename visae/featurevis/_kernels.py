"""What a unit computes of the pixels if nothing is in the way: a picture that is not optimised but worked out.

A first-layer unit is its kernel. Of later ones the effective kernel is what remains when ReLUs let everything through
and pools take means: the expanded weights of Voss et al. 2021 ("Visualizing Weights"), in one backward pass.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor
from torch.overrides import TorchFunctionMode

from visae.featurevis._redirect import RELUS
from visae.featurevis._transforms import GREY
from visae.featurevis._window import middle
from visae.featurevis.objectives._units import checked
from visae.units import Units

_POOLS = {F.max_pool2d, torch.max_pool2d}
_CHUNK = 32


class linearised(TorchFunctionMode):  # noqa: N801 - it is used as a function is
    """A block in which ReLU is the identity and max-pooling, of torch's functions, takes the mean of its window."""

    def __torch_function__(
        self, function: Callable[..., Any], _types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Called in the place of every function of torch."""
        named: Mapping[str, Any] = kwargs or {}
        if function in RELUS:
            return args[0] if args else named["input"]
        if function in _POOLS:
            return _mean_pool(*args, **named)
        return function(*args, **named)


def effective_kernels(units: Units, numbers: Sequence[int]) -> Float[Tensor, "n 3 r r"]:
    """The linear answer of units to the pixels of their receptive field: how much each pixel, 0..1, adds to `drive`.

    For the first layer it is the kernel itself, through the network's preprocessing. Where a network divides (local
    response normalisation) it is the derivative at mid-grey. [n, 3, r, r], r the receptive field, px.

    Raises `VisaeError` for a number that the units do not have.
    """
    chosen = checked(units, numbers)
    layer, side = units.layer, units.layer.receptive_field
    half, size = (side - 1) / 2, -(-side // layer.stride) * layer.stride
    while not half <= middle(units.network, layer.name, size) <= size - 1 - half:
        size += layer.stride
    first = round(middle(units.network, layer.name, size) - half)
    parts = [_gradients(units, some, size) for some in torch.split(chosen, _CHUNK)]
    return torch.cat(parts)[:, :, first : first + side, first : first + side]


def _gradients(units: Units, numbers: Int64[Tensor, " n"], size: int) -> Float[Tensor, "n 3 s s"]:
    images = torch.full((len(numbers), 3, size, size), GREY, requires_grad=True)
    with linearised():
        there = units.network.read_middle(images, [units.layer.name])[units.layer.name]
        values = units.pre_activations(there)[:, :, 0, 0]
    own = values[torch.arange(len(numbers)), numbers]
    return torch.autograd.grad(own.sum(), images)[0].detach().cpu()


def _mean_pool(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """Torch's `max_pool2d` with means; what is padded does not count."""
    assert dilation in (1, (1, 1)), "means over dilated windows are not defined here"
    assert not return_indices
    return F.avg_pool2d(input, kernel_size, stride, padding, ceil_mode, count_include_pad=False)
