"""Distillation: an unrolled encoder that learns what a pursuit over a dictionary would select."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from visae._support import files
from visae._support.devices import open_device
from visae._support.errors import VisaeError
from visae._support.paths import require_dictionary
from visae._support.seeds import generator
from visae.activations import Rows
from visae.metrics import distillation
from visae.sae import SAE, PursuitSAE, Unrolled, load, refined, save
from visae.sae._dictionary import FILE
from visae.sae._unrolled import UnrolledSAE
from visae.training import _checkpoint as checkpoint
from visae.training._batches import Batches
from visae.training._config import SAESpec, TrainingConfig
from visae.training._train import load_finished, refuse_constant, run_trainer, settings_of


def distil(
    teacher: str | Path,
    rows: Rows | str | Path,
    out: str | Path,
    steps: int = 2,
    candidates: int = 8,
    training: TrainingConfig | None = None,
    device: torch.device | str | None = None,
) -> SAE:
    """Train an encoder of a few steps for a dictionary whose features are those of a pursuit; write it to `out`.

    The student is an `Unrolled` SAE with the teacher's directions and origin, feature by feature. A teacher with an
    encoder of its own is encoded by pursuit over its decoder (see `visae.sae.refined`).

    teacher:     the folder or file of a dictionary.
    steps:       steps of the encoder: more are slower, and nearer to the pursuit.
    candidates:  features that each step chooses, among which a small pursuit then selects.
    training:    by default as `train`, with the teacher's own held-out images if it was trained on these rows.

    Its `about["distilled"]` says what the student loses against the pursuit on held-out rows (see
    `visae.metrics.Distillation`), and `about["settings"]["teacher"]` which dictionary it was. Resumes as `train` does.
    Raises `VisaeError` for rows of another layer, and for what `train` and `refined` refuse.
    """
    rows, out, device = rows if isinstance(rows, Rows) else Rows(rows), Path(out), open_device(device)
    sae = load(teacher, device)
    refuse_other_rows(sae, rows, Path(teacher))
    training = training or training_beside(sae, rows)
    batches = Batches(rows, training)
    refuse_constant(batches)
    pursuit = _pursuit_of(sae, batches)
    config = Unrolled(sae.width, k=pursuit.config.k, steps=steps, candidates=candidates, freeze="decoder")
    settings = settings_of(rows, SAESpec(config, training.seed), training) | {"teacher": _card(sae, Path(teacher))}
    files.drop_leftovers(out)
    finished = load_finished(out, rows, settings, device)
    if finished is not None and "distilled" in finished.about:
        return finished
    untrained: SAE = student_of(pursuit, config, training.seed).to(device)
    student = run_trainer({"": untrained}, batches, {"": out}, out, {"": settings}, device)[""]
    compared = distillation(student, pursuit, batches.held_out())
    student.about["distilled"] = files.without_nan(asdict(compared))
    save(student, out / FILE)
    checkpoint.remove(out)
    return student


def student_of(pursuit: PursuitSAE, config: Unrolled, seed: int) -> UnrolledSAE:
    """Return the untrained student of a pursuit: its directions, in the decoder and in every step of the encoder."""
    student = UnrolledSAE.create(config, pursuit.dim, generator(seed, "directions"))
    student.load_state_dict({"centre": pursuit.centre, "scale": pursuit.scale}, strict=False)
    student.start_from(pursuit.decoder, pursuit.bias, pursuit.min_gain.item())
    return student


def refuse_other_rows(sae: SAE, rows: Rows, teacher: Path) -> None:
    """Raise `VisaeError` for rows that are not of the layer that a dictionary is of."""
    known = {name: sae.about[name] for name in ("network", "layer") if name in sae.about}
    theirs = {name: rows.settings[name] for name in known}
    if rows.dim != sae.dim or theirs != known:
        expected, given = ", ".join(known.values()), ", ".join(theirs.values())
        raise VisaeError(
            f"{teacher} is a dictionary of {expected}, {sae.dim} channels, but {rows.folder} has rows of {given}, "
            f"{rows.dim} channels; give rows of the dictionary's layer"
        )


def training_beside(sae: SAE, rows: Rows) -> TrainingConfig:
    """Return the default training, holding out the images that the teacher's own training on these rows held out."""
    settings = sae.about.get("settings", {})
    if settings.get("rows") != rows.digest:
        return TrainingConfig()
    return TrainingConfig(seed=settings["training"]["seed"], holdout=settings["training"]["holdout"])


def _pursuit_of(sae: SAE, batches: Batches) -> PursuitSAE:
    """Return the pursuit that teaches: a dictionary's own, or one over its decoder."""
    if isinstance(sae, PursuitSAE) and not sae.config.l1:
        return sae
    return refined(sae, batches.sample())


def _card(sae: SAE, teacher: Path) -> dict[str, Any]:
    """Return which dictionary the teacher is."""
    return {
        "digest": files.sha256(require_dictionary(teacher)),
        "kind": sae.config.kind,
        "config": asdict(sae.config),
    }
