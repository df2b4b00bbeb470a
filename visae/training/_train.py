"""Training SAEs on the rows of a store, one or many in one pass."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from visae._support import files
from visae._support.devices import open_device
from visae._support.errors import VisaeError
from visae._support.progress import say
from visae._support.seeds import generator
from visae._support.settings import refuse_other_settings
from visae.activations import Rows
from visae.metrics import NeuronsCurve, neurons_curve, summary
from visae.sae import SAE, SAEConfig, load, save
from visae.sae._dictionary import FILE
from visae.training import _checkpoint as checkpoint
from visae.training._batches import Batches, current_settings
from visae.training._config import SAESpec, TrainingConfig
from visae.training._trainer import Trainer

_CALIBRATION = 65_536  # training rows on which a trained SAE is calibrated


def train(
    rows: Rows | str | Path,
    config: SAEConfig,
    out: str | Path,
    training: TrainingConfig | None = None,
    device: torch.device | str | None = None,
) -> SAE:
    """Train one SAE; writes `sae.safetensors` and `log.jsonl` to the folder `out`, with a checkpoint in the meantime.

    Training ends after `rows_seen` rows, or earlier if the loss on held-out rows stops falling: the learning rate then
    decays over as large a share of the steps as in a whole run. The SAE's `about` says whether it `converged`, that is,
    whether the loss had stopped falling before the decay, after how many `rows_seen`, and the `held_out` losses.

    An interrupted run resumes from its last checkpoint and, on the CPU with the same number of threads, ends bit for
    bit like an uninterrupted one; a finished run is loaded. Ctrl-C and SIGTERM leave a checkpoint of the current step.
    Raises `VisaeError` for a folder made with other settings,
    for constant rows, and when training diverges; the last checkpoint is then from before the divergence.
    """
    training = training or TrainingConfig()
    return _train(rows, {"": SAESpec(config, training.seed)}, {"": Path(out)}, Path(out), training, device)[""]


def train_many(
    rows: Rows | str | Path,
    specs: Mapping[str, SAESpec],
    out: str | Path,
    training: TrainingConfig | None = None,
    device: torch.device | str | None = None,
) -> dict[str, SAE]:
    """Train any number of SAEs in one pass over the rows; writes a folder for each to the folder `out`.

    specs:  the SAEs by folder name. SAEs of the same shape are trained as one stack.

    An interrupted call is resumed by the next, as in `train`; finished SAEs are loaded, so that a sweep can be
    extended. An SAE that diverges is stopped and keeps its state at the last checkpoint; its `about["stopped"]` says
    why, and the others continue. Raises `VisaeError` if all diverge.
    """
    folders = {name: Path(out) / name for name in specs}
    return _train(rows, specs, folders, Path(out), training or TrainingConfig(), device)


def _train(
    rows: Rows | str | Path,
    specs: Mapping[str, SAESpec],
    folders: Mapping[str, Path],
    root: Path,
    training: TrainingConfig,
    device: torch.device | str | None,
) -> dict[str, SAE]:
    rows = rows if isinstance(rows, Rows) else Rows(rows)
    device = open_device(device)
    settings = {name: settings_of(rows, spec, training) for name, spec in specs.items()}
    for folder in {root, *folders.values()}:
        files.drop_leftovers(folder)
    saes = {name: load_finished(folders[name], rows, settings[name], device) for name in specs}
    # The members of a checkpoint finish together: the last checkpoint is from before the dictionaries were written.
    begun = checkpoint.members(root)
    todo = {name: specs[name] for name, sae in saes.items() if sae is None or name in begun}
    if todo:
        _refuse_other_members(root, begun, todo)
        saes |= _trained(rows, todo, folders, root, settings, training, device)
        checkpoint.remove(root)
    return {name: sae for name, sae in saes.items() if sae is not None}


def load_finished(folder: Path, rows: Rows, settings: Mapping[str, Any], device: torch.device) -> SAE | None:
    """Return the SAE of a folder, None if there is none; raises `VisaeError` if it has other settings."""
    if not (folder / FILE).exists():
        return None
    sae = load(folder, device)
    refuse_other_settings(folder, current_settings(sae.about.get("settings", {}), rows), settings)
    if "stopped" in sae.about:
        say(f"train: {folder} {sae.about['stopped']}")
    return sae


def _refuse_other_members(root: Path, begun: set[str], todo: Mapping[str, SAESpec]) -> None:
    if begun and begun != set(todo):
        raise VisaeError(
            f"{root} holds an unfinished sweep of {len(begun)} SAEs, but this one has {len(todo)}; "
            "finish it with its original sweep, then extend it"
        )


def _trained(
    rows: Rows,
    specs: Mapping[str, SAESpec],
    folders: Mapping[str, Path],
    root: Path,
    settings: Mapping[str, Mapping[str, Any]],
    training: TrainingConfig,
    device: torch.device,
) -> dict[str, SAE]:
    batches = Batches(rows, training)
    refuse_constant(batches)
    saes = _initialised(rows, specs, batches, device)
    return run_trainer(saes, batches, folders, root, {name: settings[name] for name in specs}, device)


def run_trainer(
    saes: dict[str, SAE],
    batches: Batches,
    folders: Mapping[str, Path],
    root: Path,
    settings: Mapping[str, Mapping[str, Any]],
    device: torch.device,
) -> dict[str, SAE]:
    """Train SAEs that are initialised, from the checkpoint in `root` if there is one, and write their files."""
    trainer = Trainer(saes, folders, batches, root, {"members": settings})
    trainer.run()
    _refuse_all_diverged(trainer.stopped, saes)
    sample, neurons = batches.sample(_CALIBRATION).to(device), neurons_curve(batches.held_out())
    for name, sae in saes.items():
        sae.eval().requires_grad_(False)
        sae.calibrate(sae.standardise(sample))
        sae.about = _about(batches.rows, batches, sae, neurons, settings[name]) | trainer.progress_of(name)
        if name in trainer.stopped:
            sae.about["stopped"] = trainer.stopped[name]
        save(sae, folders[name] / FILE)
    return saes


def _initialised(rows: Rows, specs: Mapping[str, SAESpec], batches: Batches, device: torch.device) -> dict[str, SAE]:
    z = None
    saes: dict[str, SAE] = {}
    for name, spec in specs.items():
        sae = spec.config.build(rows.dim, generator(spec.seed, "directions"))
        sae.fit_scale(rows.mean, rows.variance)
        z = sae.standardise(batches.sample()) if z is None else z
        sae.initialise(z)
        saes[name] = sae.to(device)
    return saes


def _about(
    rows: Rows, batches: Batches, sae: SAE, neurons: NeuronsCurve, settings: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "network": rows.settings["network"],
        "weights": rows.settings["weights"],
        "layer": rows.settings["layer"],
        "rows": len(rows),
        "settings": settings,
        "held_out_images": len(batches.held_out_images),
        "metrics": files.without_nan(summary(sae, batches.held_out(), neurons)),
    }


def refuse_constant(batches: Batches) -> None:
    """Reject constant rows, which have no variance to explain, before training rather than after."""
    first = next(batches.held_out())[:1]
    if all(bool((x == first).all()) for x in batches.held_out()):
        raise VisaeError(
            f"the {'held-out ' * bool(len(batches.held_out_images))}rows of {batches.rows.folder} are constant; "
            "capture more images, or another layer"
        )


def _refuse_all_diverged(stopped: Mapping[str, str], members: Mapping[str, SAE]) -> None:
    if stopped and len(stopped) == len(members):
        raise VisaeError(
            f"training {next(iter(stopped.values()))}; use a lower learning rate or penalty, and a new folder"
        )


def settings_of(rows: Rows, spec: SAESpec, training: TrainingConfig) -> dict[str, Any]:
    """Return what determines how an SAE turns out."""
    return {
        "rows": rows.digest,
        "kind": spec.config.kind,
        "config": asdict(spec.config),
        "seed": spec.seed,
        "training": asdict(training),
    }
