"""Training an SAE on the rows of a store."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from visae import files
from visae.activations import Rows
from visae.device import open_device
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
_IDLE_ROWS = 50_000  # rows without firing after which the log counts a feature as idle
# Leaving everything unexplained costs 1 or d, depending on the kind; what costs this many times d is lost.
_DIVERGED = 1e4


def train(
    rows: Rows | str | Path,
    recipe: Recipe,
    out: str | Path,
    training: Training | None = None,
    device: torch.device | str | None = None,
) -> SAE:
    """Train one SAE, and leave `sae.safetensors`, `log.jsonl` and a checkpoint in the folder `out`.

    A run that was stopped goes on from its last checkpoint and, on the CPU and with as many threads, ends with the same
    bits as one that was not; a run that is finished is loaded. Raises `VisaeError` for a folder made with other
    settings, for rows that do not vary, and when training diverges; the last checkpoint is then from before.
    """
    rows = rows if isinstance(rows, Rows) else Rows(rows)
    training, folder = training or Training(), Path(out)
    device = open_device(device)
    settings = _settings(rows, recipe, training)
    files.drop_leftovers(folder)
    if (folder / FILE).exists():
        sae = load(folder, device)
        refuse_other_settings(folder, sae.about.get("settings", {}), settings)
        return sae
    batches = Batches(rows, training)
    _refuse_constant(batches)
    sae = recipe.build(rows.dim, generator(training.seed, "directions"))
    sae.fit_units(rows.mean, rows.variance)
    sae.to(device)
    _run(sae, batches, folder, settings)
    sae.eval().requires_grad_(False)
    sae.about = {
        "network": rows.settings["network"],
        "weights": rows.settings["weights"],
        "layer": rows.settings["layer"],
        "rows": len(rows),
        "settings": settings,
        "held_out_images": len(batches.held_out_images),
        "figures": asdict(fidelity(sae, batches.held_out())),
    }
    save(sae, folder / FILE)
    return sae


def _refuse_constant(batches: Batches) -> None:
    """Rows that are all alike have no variance to explain; better to say so before training than after it."""
    one = next(batches.held_out())[:1]
    if all(bool((x == one).all()) for x in batches.held_out()):
        raise VisaeError(
            f"the {'held-out ' * bool(len(batches.held_out_images))}rows of {batches.rows.folder} are all alike; "
            "capture more images, or another layer"
        )


def _run(sae: SAE, batches: Batches, folder: Path, settings: Mapping[str, Any]) -> None:
    training, device, last = batches.training, sae.decoder.device, batches.steps - 1
    optimiser = torch.optim.Adam(sae.parameters(), lr=training.lr, fused=True)
    first = checkpoint.restore(folder, sae, optimiser, settings)
    log = Log(folder, first)
    with Progress("train", batches.steps, "steps", first) as progress:
        for step, x in enumerate(batches.from_step(first), first):
            optimiser.param_groups[0]["lr"] = training.rate(step, batches.steps)
            terms = _step(sae, optimiser, x.to(device, non_blocking=True), training.warmth(step, batches.steps))
            if step % _STEPS_A_LINE == 0 or step == last:
                log.write(step=step, **_checked(terms, sae, step), idle=int((sae.idle > _IDLE_ROWS).sum()))
            if (step + 1) % _STEPS_A_CHECKPOINT == 0 and step != last:
                _checked(terms, sae, step)
                checkpoint.save(folder, sae, optimiser, step + 1, settings)
            progress.update(1)


def _step(
    sae: SAE, optimiser: torch.optim.Optimizer, x: Float[Tensor, "n d"], warmth: float
) -> dict[str, Float[Tensor, ""]]:
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


def _checked(terms: Mapping[str, Tensor], sae: SAE, step: int) -> dict[str, float]:
    """The terms as numbers; raises `VisaeError` if they, or the parameters that the step left, are beyond repair."""
    values = {name: term.item() for name, term in terms.items()}
    finite = all(bool(parameter.isfinite().all()) for parameter in sae.parameters())
    # Written so that NaN, which compares as false, is refused too.
    if not finite or not sum(values.values()) <= _DIVERGED * sae.dim:
        shown = ", ".join(f"{name} {value:g}" for name, value in values.items())
        raise VisaeError(f"training diverged at step {step} ({shown}); use a lower --lr, and a new folder")
    return values


def _settings(rows: Rows, recipe: Recipe, training: Training) -> dict[str, Any]:
    return {
        "rows": rows.digest,
        "kind": recipe.kind,
        "recipe": asdict(recipe),  # type: ignore[call-overload]
        "training": asdict(training),
    }
