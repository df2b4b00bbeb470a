"""A way for gradients through ReLUs that let nothing through: in a block of code, never in a network.

A unit that is silent on the first noise gives no gradient, and its picture would stay noise. Inside `redirected()` the
gradient of every ReLU is, for images for which nothing passes it, let through where it would raise what is below zero
(lucid's redirected ReLU; Olah et al. 2017), and of that where it is at least half as strong as at its strongest: of all
that a unit reads a little of, what is easiest to raise would come first, and the picture be of that. Torch's own ReLU
is the same again when the block ends, however it ends.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

_IN_PLACE = {torch.relu_, torch.Tensor.relu_, F.relu_}
_LEAST = 0.5  # of the strongest gradient
RELUS = {torch.relu, torch.Tensor.relu, F.relu, *_IN_PLACE}


class redirected(TorchFunctionMode):  # noqa: N801 - it is used as a function is
    """A block in which every ReLU's gradient finds a way; the values are those of ReLU."""

    def __torch_function__(
        self, function: Callable[..., Any], _types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Called in the place of every function of torch."""
        named: Mapping[str, Any] = kwargs or {}
        in_place = function in _IN_PLACE or (function is F.relu and named.get("inplace", args[1:2] == (True,)))
        if function not in RELUS:
            return function(*args, **named)
        x: Tensor = args[0] if args else named["input"]
        if not in_place:
            return _Redirected.apply(x)
        result: Tensor = x.copy_(_Redirected.apply(x.clone()))
        return result


class _Redirected(torch.autograd.Function):
    """ReLU. Its gradient is that of ReLU for images of which it is not zero everywhere."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        values = x.clamp_min(0)
        ctx.save_for_backward(values)
        return values

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,), (values,) = gradients, ctx.saved_tensors
        passed: Tensor = gradient * (values > 0)
        stopped = passed.flatten(1).abs().amax(1) == 0
        if not stopped.any():
            return passed
        # The gradient is of what is to be made larger; where it is below zero, what is silent is to remain so.
        each = (-1, *[1] * (gradient.ndim - 1))
        strongest = gradient.clamp_min(0).flatten(1).amax(1).view(each)
        rising = gradient * ((gradient > 0) & (gradient >= _LEAST * strongest))
        return torch.where(stopped.view(each), rising, passed)
