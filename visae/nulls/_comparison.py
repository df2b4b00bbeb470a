"""The curve detectors of a dictionary beside those of its nulls: counts, gaps, intervals over seeds, and headlines."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support.progress import Progress
from visae.activations import Rows
from visae.held_out import HeldOut
from visae.nulls._detectors import detectors_of_seeds
from visae.nulls._dictionaries import FEATURES, SECOND, Populations
from visae.nulls._headlines import headlines, spread
from visae.sae import SAE
from visae.tuning import Curves

_ROWS, _BATCH = 16_384, 4096  # held-out rows on which detectors are tested, at most


def compare(
    rows: Rows, populations: Populations, neurons: Curves, swept: Mapping[str, Sequence[Curves]]
) -> dict[str, Any]:
    """Describe the curve detectors of a dictionary, of its second seed if there is one, and of its nulls.

    rows:        those of the layer, of which the held-out ones test whether detectors fire and help.
    populations: the seeds of the dictionary, by the name `features`, and those of each null.
    neurons:     the sweep of the layer's neurons.
    swept:       the sweeps of all seeds of the populations.

    Returns `curves`, the figures of neurons, features and second seed by name; `nulls`, for each the figures of its
    `seeds` and their mean, lowest and highest; and `headlines`, a line for each that a null matches.
    """
    batches = held_out_batches(rows, populations[FEATURES][0])
    described: dict[str, list[dict[str, Any]]] = {}
    with Progress("detectors", sum(map(len, populations.values())), "dictionaries") as progress:
        for name, saes in populations.items():
            described[name] = detectors_of_seeds(saes, swept[name], neurons, batches)
            progress.update(len(saes))
    own, *others = described.pop(FEATURES)
    curves = {"neurons": {"count": neurons.count, "max_gap_deg": neurons.max_gap}, FEATURES: own}
    curves |= dict(zip([SECOND], others, strict=False))
    nulls = {name: {"seeds": seeds, **_spreads(seeds)} for name, seeds in described.items()}
    return {"curves": curves, "nulls": nulls, "headlines": headlines(own, described)}


def held_out_batches(rows: Rows, sae: SAE) -> tuple[Float[Tensor, "_ d"], ...]:
    """Return the rows on which it is tested whether features fire and help, in batches.

    They are 16,384 of those that a dictionary was not trained on, or as many as there are.
    """
    return torch.split(HeldOut(rows).sample_for(sae, _ROWS), _BATCH)


def _spreads(seeds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {figure: spread([seed[figure] for seed in seeds]) for figure in seeds[0]}
