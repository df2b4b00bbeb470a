"""Effective kernels: what a unit computes from pixels once the network is linearised. Exact, not optimised.

For the first layer it is the unit's kernel. For later layers it is what remains when ReLUs become the identity and
pools take means: the expanded weights of Voss et al. 2021 ("Visualizing Weights"), in one backward pass.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor
from torch.overrides import TorchFunctionMode

from visae.featurevis._redirected_relu import RELUS
from visae.featurevis._window import middle_centre
from visae.featurevis.objectives._units import checked_numbers
from visae.featurevis.transforms._transforms import GREY
from visae.units import Units

_POOLS = {F.max_pool2d, torch.max_pool2d}
_CHUNK = 32  # units per batch


class linearised(TorchFunctionMode):  # noqa: N801 - used like a function
    """Context manager: torch's ReLU functions become the identity, its max-pooling functions take means."""

    def __torch_function__(
        self, function: Callable[..., Any], _types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Replace ReLUs and pools; torch calls this for each of its functions."""
        named: Mapping[str, Any] = kwargs or {}
        if function in RELUS:
            return args[0] if args else named["input"]
        if function in _POOLS:
            return _mean_pool(*args, **named)
        return function(*args, **named)


def effective_kernels(units: Units, numbers: Sequence[int]) -> Float[Tensor, "n 3 r r"]:
    """Return how much each pixel, 0..1, of the receptive field adds to units' pre-activations in the linear network.

    For the first layer this is the kernel seen through the network's preprocessing. Where a network divides (local
    response normalisation) it is the derivative at mid-grey. [n, 3, r, r], r the receptive field, px.

    Raises `VisaeError` for a number that the units do not have.
    """
    chosen = checked_numbers(units, numbers)
    layer, side = units.layer, units.layer.receptive_field
    half, size = (side - 1) / 2, -(-side // layer.stride) * layer.stride
    while not half <= middle_centre(units.network, layer.name, size) <= size - 1 - half:
        size += layer.stride
    first = round(middle_centre(units.network, layer.name, size) - half)
    gradients = torch.cat([_gradients(units, chunk, size) for chunk in torch.split(chosen, _CHUNK)])
    return gradients[:, :, first : first + side, first : first + side]


def _gradients(units: Units, numbers: Int64[Tensor, " n"], size: int) -> Float[Tensor, "n 3 s s"]:
    images = torch.full((len(numbers), 3, size, size), GREY, requires_grad=True)
    with linearised():
        maps = units.network.read_middle(images, [units.layer.name])[units.layer.name]
        values = units.pre_activations(maps)[:, :, 0, 0]
    selected = values[torch.arange(len(numbers)), numbers]
    return torch.autograd.grad(selected.sum(), images)[0].detach().cpu()


def _mean_pool(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """Torch's `max_pool2d` with means instead of maxima; padding does not count."""
    assert dilation in (1, (1, 1)), "means over dilated windows are not implemented"
    assert not return_indices
    return F.avg_pool2d(input, kernel_size, stride, padding, ceil_mode, count_include_pad=False)
