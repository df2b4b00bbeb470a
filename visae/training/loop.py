"""Training an SAE on the rows of a store."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from visae.activations import Rows
from visae.device import default_device
from visae.errors import VisaeError
from visae.metrics import fidelity
from visae.progress import Progress
from visae.sae import SAE, Recipe, load, save
from visae.sae.dictionary import FILE
from visae.seeds import generator
from visae.settings import refuse_other_settings
from visae.training import checkpoint
from visae.training.batches import Batches
from visae.training.log import Log
from visae.training.recipe import Training

_STEPS_A_LINE = 100
_STEPS_A_CHECKPOINT = 1000


def train(
    rows: Rows | str | Path,
    recipe: Recipe,
    out: str | Path,
    training: Training | None = None,
    device: torch.device | str | None = None,
) -> SAE:
    """Train one SAE, and leave `sae.safetensors`, `log.jsonl` and a checkpoint in the folder `out`.

    A run that was stopped goes on from its last checkpoint and, on the CPU, ends with the same bits as one that was
    not; a run that is finished is loaded. Raises `VisaeError` for a folder made with other settings, and when the loss
    is no longer finite.
    """
    rows = rows if isinstance(rows, Rows) else Rows(rows)
    training, folder = training or Training(), Path(out)
    device = torch.device(device or default_device())
    settings = _settings(rows, recipe, training)
    if (folder / FILE).exists():
        refuse_other_settings(folder, load(folder).about["settings"], settings)
        return load(folder, device)
    batches = Batches(rows, training)
    sae = recipe.build(rows.dim, generator(training.seed, "directions"))
    sae.fit_units(rows.mean, rows.variance)
    sae.to(device)
    _run(sae, batches, folder, settings)
    sae.eval().requires_grad_(False)
    figures = fidelity(sae, batches.held_out())
    sae.about = {
        "network": rows.settings["network"],
        "weights": rows.settings["weights"],
        "layer": rows.settings["layer"],
        "rows": len(rows),
        "settings": settings,
        "held_out_images": len(batches.held_out_images),
        "figures": asdict(figures),
    }
    save(sae, folder / FILE)
    return sae


def _run(sae: SAE, batches: Batches, folder: Path, settings: Mapping[str, Any]) -> None:
    training, device = batches.training, sae.decoder.device
    optimiser = torch.optim.Adam(sae.parameters(), lr=training.lr, fused=True)
    first = checkpoint.restore(folder, sae, optimiser, settings)
    log = Log(folder, first)
    with Progress("train", batches.steps, "steps", first) as progress:
        for step, x in enumerate(batches.from_step(first), first):
            if step > first and step % _STEPS_A_CHECKPOINT == 0:
                checkpoint.save(folder, sae, optimiser, step, settings)
            optimiser.param_groups[0]["lr"] = training.rate(step, batches.steps)
            terms = _step(sae, optimiser, x.to(device, non_blocking=True), training.warmth(step, batches.steps))
            if step % _STEPS_A_LINE == 0 or step == batches.steps - 1:
                _report(log, step, terms, sae)
            progress.update(1)


def _step(sae: SAE, optimiser: torch.optim.Optimizer, x: Tensor, warmth: float) -> dict[str, Tensor]:
    """One step of the optimiser; returns the terms of the loss, before it."""
    z = sae.standardise(x)
    with torch.autocast(x.device.type, torch.bfloat16, enabled=x.device.type == "cuda"):
        terms = sae.losses(z)
    if "sparsity" in terms:
        terms["sparsity"] = warmth * terms["sparsity"]
    optimiser.zero_grad()
    torch.autograd.backward(torch.stack(list(terms.values())).sum())
    sae.before_step()
    optimiser.step()
    sae.after_step()
    return terms


def _report(log: Log, step: int, terms: Mapping[str, Tensor], sae: SAE) -> None:
    values = {name: term.item() for name, term in terms.items()}
    if not all(map(_is_finite, values.values())):
        raise VisaeError(f"training diverged at step {step} ({values}); use a lower --lr; the last checkpoint is kept")
    log.write(step=step, **values, idle=int((sae.idle > sae.idle.new_tensor(50_000)).sum()))


def _is_finite(value: float) -> bool:
    return value - value == 0


def _settings(rows: Rows, recipe: Recipe, training: Training) -> dict[str, Any]:
    return {
        "rows": rows.digest,
        "kind": recipe.kind,
        "recipe": asdict(recipe),  # type: ignore[call-overload]
        "training": asdict(training),
    }
