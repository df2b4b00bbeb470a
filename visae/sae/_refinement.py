"""Inference refinement: any trained dictionary, encoded by pursuit over its own decoder."""

from dataclasses import asdict
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from visae._support.errors import VisaeError
from visae.sae._base import SAE
from visae.sae._pursuit import gain_threshold, pursue
from visae.sae._sparse_coding import FixedDirections, PursuitSAE


@torch.no_grad()
def refined(sae: SAE, x: Float[Tensor, "n d"], l0: float | None = None) -> PursuitSAE:
    """Return an SAE with the same directions and origin whose features are those of a pursuit.

    x:   raw rows, on which the pursuit's threshold is set.
    l0:  features that fire on average over these rows; as many as with the SAE's own encoder if None.

    Raises `VisaeError` for blocks and for features that have signs, which a pursuit of single directions does not have,
    and if fewer than one feature would fire.
    """
    f = sae.encode(x)
    if sae.block_size > 1 or (f < 0).any():
        raise VisaeError(
            f"the features of a {sae.config.kind} SAE have signs, those of a pursuit do not; refine another kind"
        )
    count = (f > 0).sum().item() / len(x) if l0 is None else l0
    if count < 1:
        raise VisaeError(f"{count:.2f} features fire at a position; a pursuit needs at least 1 on average")
    config = FixedDirections(width=sae.width, k=min(round(count), sae.width))
    decoder = F.normalize(sae.decoder.detach(), dim=1)
    pursuit = PursuitSAE(config, sae.dim, decoder=decoder, bias=sae.bias.detach().clone())
    pursuit.load_state_dict({"centre": sae.centre, "scale": sae.scale}, strict=False)
    pursuit.about = {**sae.about, "settings": _settings(sae, config, count)}
    pursuit.to(decoder.device)
    z = pursuit.standardise(x.to(decoder)) - pursuit.bias
    gains = pursue(z, pursuit.decoder, config.steps, gram=pursuit.gram).gains
    pursuit.min_gain.fill_(gain_threshold(gains, count))
    return pursuit.eval()


def _settings(sae: SAE, config: FixedDirections, count: float) -> dict[str, Any]:
    """Return the settings of a refined SAE: those of its training, and what it was refined from."""
    settings = sae.about.get("settings", {})
    refined_from = {"kind": sae.config.kind, "config": asdict(sae.config), "l0": count}
    return {**settings, "kind": config.kind, "config": asdict(config), "refined": refined_from}
