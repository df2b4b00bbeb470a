"""Gradients through inactive ReLUs, inside a context manager and never in the network itself.

A unit that is silent under the initial noise has no gradient, and its picture would stay noise. Inside `redirected()`,
a ReLU that passes no gradient for an image passes it where it would raise an inactive input (lucid's redirected ReLU;
Olah et al. 2017), but only gradients at least half as strong as the strongest. Without this threshold, the unit's weak
input that is easiest to raise would come first, and the picture would show that input.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, no_type_check

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

_IN_PLACE = {torch.relu_, torch.Tensor.relu_, F.relu_}
_THRESHOLD = 0.5  # of the strongest gradient
RELUS = {torch.relu, torch.Tensor.relu, F.relu, *_IN_PLACE}


class redirected(TorchFunctionMode):  # noqa: N801 - used like a function
    """Context manager: ReLUs pass gradients even where they are inactive. Their values stay the same."""

    @no_type_check  # called for every operation: type checks, as in tests, would slow down a forward pass many times
    def __torch_function__(
        self, function: Callable[..., Any], _types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Replace ReLUs; torch calls this for each of its functions."""
        named: Mapping[str, Any] = kwargs or {}
        if function not in RELUS:
            return function(*args, **named)
        x: Tensor = args[0] if args else named["input"]
        if function in _IN_PLACE or (function is F.relu and named.get("inplace", args[1:2] == (True,))):
            result: Tensor = x.copy_(_RedirectedReLU.apply(x.clone()))
            return result
        return _RedirectedReLU.apply(x)


class _RedirectedReLU(torch.autograd.Function):
    """ReLU. Images whose gradient would vanish get the strong part of the gradient that raises inactive inputs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        values = x.clamp_min(0)
        ctx.save_for_backward(values)
        return values

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,), (values,) = gradients, ctx.saved_tensors
        passed: Tensor = gradient * (values > 0)
        blocked = passed.flatten(1).abs().amax(1) == 0
        if not blocked.any():
            return passed
        # The objective is maximised: a negative gradient asks for less, and an inactive input already gives nothing.
        per_image = (-1, *[1] * (gradient.ndim - 1))
        strongest = gradient.clamp_min(0).flatten(1).amax(1).view(per_image)
        rising = gradient * ((gradient > 0) & (gradient >= _THRESHOLD * strongest))
        return torch.where(blocked.view(per_image), rising, passed)
