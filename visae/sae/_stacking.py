"""Stacks: SAEs of one shape trained as one module, with one batched product where there would be many."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from visae.sae._base import SAE


def same_shape(sae: SAE) -> tuple[Any, ...]:
    """Return what SAEs must share to be stacked: their kind, and every setting that decides shapes or formulas."""
    settings: dict[str, Any] = asdict(sae.config)
    return (type(sae), sae.dim, *((name, value) for name, value in settings.items() if name not in sae.config.varied))


def stack(saes: Sequence[SAE]) -> SAE:
    """Return one module that computes what each of the SAEs computes; its tensors are copies, [s, ...]."""
    whole = deepcopy(saes[0])
    whole.configs = tuple(sae.config for sae in saes)
    for name in whole._parameters:
        whole._parameters[name] = nn.Parameter(torch.stack([sae.get_parameter(name).detach() for sae in saes]))
    for name in whole._buffers:
        whole._buffers[name] = torch.stack([sae.get_buffer(name) for sae in saes])
    whole.forget()
    return whole


@torch.no_grad()
def unstack(whole: SAE, saes: Sequence[SAE]) -> None:
    """Copy a stack's tensors back into its members."""
    tensors: dict[str, Tensor] = whole.state_dict()
    for index, sae in enumerate(saes):
        for name, tensor in sae.state_dict().items():
            tensor.copy_(tensors[name][index])
        sae.forget()
