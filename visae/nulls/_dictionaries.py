"""The nulls of a dictionary: others of its width on the same rows, of which a part or everything never learned.

After Korznikov et al. 2026 (arXiv 2602.14111), which compares trained dictionaries with frozen ones. A null is fitted
with several seeds, since a single draw has no interval.
"""

from dataclasses import replace
from pathlib import Path

import torch

from visae._support.errors import TooFewRowsError
from visae._support.progress import say
from visae.activations import Rows
from visae.sae import SAE, FixedDirections, SAEConfig, TrainedConfig
from visae.training import SAESpec, TrainingConfig, train_many

RANDOM, ROWS, EARLY = "random directions", "data rows", "stopped early"
FROZEN, SOFT_FROZEN, FROZEN_ENCODER = "frozen decoder", "soft-frozen decoder", "frozen encoder"
FEATURES, SECOND = "features", "second seed"
# Of each null: fewer have no interval.
SEEDS = 3
# The null that is stopped early sees one in so many rows of a whole training: three seeds cost a twentieth of it.
EARLY_PART = 64
_STARTS = {RANDOM: "random", ROWS: "rows"}
_PARTS = {FROZEN: "decoder", SOFT_FROZEN: "soft-decoder", FROZEN_ENCODER: "encoder"}

# Dictionaries that differ in their seeds, by what they are.
Populations = dict[str, list[SAE]]


def with_nulls(
    rows: Rows,
    sae: SAE,
    out: str | Path,
    seeds: int,
    training: TrainingConfig,
    device: torch.device | str | None = None,
) -> Populations:
    """Return a dictionary with its second seed, if its kind is trained, as `features`, and the seeds of its nulls.

    They are those of `fixed_nulls` and `trained_nulls`. Writes a folder for each to `out`.
    """
    nulls = fixed_nulls(rows, sae, out, seeds, training, device)
    nulls |= trained_nulls(rows, sae.config, out, seeds, training, device)
    return {FEATURES: [sae, *nulls.pop(SECOND, [])], **nulls}


def fixed_nulls(
    rows: Rows,
    sae: SAE,
    out: str | Path,
    seeds: int,
    training: TrainingConfig,
    device: torch.device | str | None = None,
) -> Populations:
    """Fit directions that learn nothing, and are coded by a pursuit: random ones, and rows of the data.

    They have as many directions as the dictionary and, on average, as many that fire, rounded to a whole number. Writes
    a folder for each to `out`. A null that the rows do not allow is left out, with a message.

    seeds:    of each.
    training: the dictionary's: it decides which images are held out.
    """
    k = min(max(round(sae.about["metrics"]["l0"]), 1), sae.width, sae.dim)
    nulls: Populations = {}
    for name, start in _STARTS.items():
        config = FixedDirections(width=sae.width, k=k, start=start)
        try:
            nulls[name] = _train(name, config, rows, out, seeds, training, device)
        except TooFewRowsError as error:
            say(f"nulls: {name} are left out: {error}")
    return nulls


def trained_nulls(
    rows: Rows,
    config: SAEConfig,
    out: str | Path,
    seeds: int,
    training: TrainingConfig,
    device: torch.device | str | None = None,
) -> Populations:
    """Train dictionaries of a kind that learn little, and one with another seed, `second seed`, that learns as much.

    Nulls are those with a frozen decoder, a soft-frozen one, and a frozen encoder, as far as the kind has them, and
    those stopped after 1/64 of the rows. Nothing for a kind that is not trained. Writes a folder for each to `out`;
    those that see all rows share a pass.
    """
    if config.baseline:
        return {}
    out, full = Path(out), {_folder(SECOND): SAESpec(config, training.seed + 1)}
    frozen = {null: _specs(each, seeds, training.seed) for null, each in _frozen(config).items()}
    full |= {f"{_folder(null)}/{name}": spec for null, specs in frozen.items() for name, spec in specs.items()}
    saes = train_many(rows, full, out, training, device)
    nulls = {SECOND: [saes[_folder(SECOND)]]}
    nulls |= {null: [saes[f"{_folder(null)}/{name}"] for name in specs] for null, specs in frozen.items()}
    early = replace(training, rows_seen=max(training.rows_seen // EARLY_PART, training.batch))
    return nulls | {EARLY: _train(EARLY, config, rows, out, seeds, early, device)}


def frozen_nulls(
    rows: Rows,
    config: SAEConfig,
    out: str | Path,
    seeds: int,
    training: TrainingConfig,
    device: torch.device | str | None = None,
) -> Populations:
    """Train dictionaries of a kind whose decoder stays as it was drawn; nothing for a kind without such a decoder.

    `trained_nulls` has them too: these stand in for a dictionary whose own kind learns its decoder without gradients.
    Writes a folder for each to `out`.
    """
    frozen = _frozen(config).get(FROZEN)
    return {} if frozen is None else {FROZEN: _train(FROZEN, frozen, rows, out, seeds, training, device)}


def _train(
    null: str,
    config: SAEConfig,
    rows: Rows,
    out: str | Path,
    seeds: int,
    training: TrainingConfig,
    device: torch.device | str | None,
) -> list[SAE]:
    specs = _specs(config, seeds, training.seed)
    return list(train_many(rows, specs, Path(out) / _folder(null), training, device).values())


def _frozen(config: SAEConfig) -> dict[str, SAEConfig]:
    """Return the config with each part frozen that can be, by null; none if a part is already.

    None too for one that starts from rows of the data or random directions, which are nulls of their own.
    """
    if not isinstance(config, TrainedConfig) or config.sae.learns or config.freeze != "none":
        return {}
    return {null: replace(config, freeze=part) for null, part in _PARTS.items() if part in config.freezable}


def _specs(config: SAEConfig, seeds: int, first: int) -> dict[str, SAESpec]:
    return {str(index): SAESpec(config, first + index) for index in range(seeds)}


def _folder(null: str) -> str:
    return null.replace(" ", "-")
