"""The figures of a layer's populations, as stored in the report, and which of them a null matches."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from visae._support import files
from visae.nulls import CURVE_HEADLINES, Headline, has_as_many, headlines, spread
from visae.papers.missing_curves._dictionaries import LEARNED, UNIFORM, seed_name
from visae.papers.missing_curves._gaps import gap_counts, gaps_over_criteria
from visae.papers.missing_curves._layer import MeasuredLayer
from visae.papers.missing_curves._natural_tuning import NaturalTuning
from visae.tuning import MeasuredPopulation, echo, grid_metrics, tuning_width

_BINS = 20  # in the histogram of selectivity
_FAMILY = "the count is no evidence"
HEADLINES = CURVE_HEADLINES | {
    "agree": Headline("photographs agree with {} detectors in gaps", "their number is no evidence", has_as_many),
    "counted": Headline("{} detectors counted", "these are no evidence", has_as_many),
    "line": Headline("{} line detectors", _FAMILY, has_as_many),
    "edge": Headline("{} edge detectors", _FAMILY, has_as_many),
    "angle": Headline("{} angle detectors", _FAMILY, has_as_many),
    "double_curve": Headline("{} double-curve detectors", _FAMILY, has_as_many),
}


def layer_report(layer: MeasuredLayer) -> dict[str, Any]:
    """Describe a layer: every population, nulls by seed, tuning in natural images, gaps, and matched headlines."""
    neurons, saes = layer.populations["neurons"], layer.dictionaries.measured
    gaps = {name: gap_counts(rows) for name, rows in layer.in_gaps.items()}
    explained = {name: sae.about["metrics"]["explained_variance"] for name, sae in saes.items()}
    figures = {
        name: {**summary(layer.populations[name]), **gaps[name], **files.without_nan({"explained_variance": value})}
        for name, value in explained.items()
    }
    nulls = {
        null: [figures[seed_name(null, index)] for index in range(len(seeds))]
        for null, seeds in layer.dictionaries.nulls.items()
    }
    compared = {null: [_headline_figures(seed) for seed in seeds] for null, seeds in nulls.items()}
    trained = {name: saes[name] for name in (*LEARNED, UNIFORM)}
    return {
        "rows": len(layer.dictionaries.rows),
        "saes": {n: {"kind": s.config.kind, "width": s.width, **s.about["metrics"]} for n, s in trained.items()},
        "populations": {
            name: {**population_metrics(population), **gaps.get(name, {})} for name, population in layer.own.items()
        },
        "nulls": {null: {"seeds": seeds, **_spreads(seeds)} for null, seeds in nulls.items()},
        "headlines": {name: headlines(_headline_figures(figures[name]), compared, HEADLINES) for name in LEARNED},
        "natural": {name: natural_metrics(natural) for name, natural in layer.naturals.items() if name in layer.own},
        "in_gaps": {name: list(layer.in_gaps[name]) for name in LEARNED},
        "in_gaps_over_grid": {name: gaps_over_criteria(neurons, layer.populations[name]) for name in LEARNED},
    }


def summary(population: MeasuredPopulation) -> dict[str, Any]:
    """Return the figures of a population that are compared with nulls: curve detectors and other families."""
    curves = population.curves
    metrics = {
        "units": len(population.units),
        "curve_units": len(curves.units),
        "largest_gap": curves.largest_gap,
        "coverage": curves.ratio,
        "families": {family: int(members.sum()) for family, members in population.families.members.items()},
    }
    return files.without_nan(metrics)


def population_metrics(population: MeasuredPopulation) -> dict[str, Any]:
    """Describe a population: its curve detectors, their coverage and tuning, and the sizes of the other families."""
    curves = population.curves
    metrics = {
        **summary(population),
        "orientations": curves.orientation.tolist(),
        "selectivity_histogram": torch.histc(population.selectivity, _BINS, 0, 1).int().tolist(),
        "medians_of_curve_units": files.without_nan(population.tuning_summary.medians(curves.units)),
        "grid": [files.without_nan(row) for row in grid_metrics(population.curves_over_criteria)],
    }
    return files.without_nan(metrics)


def natural_metrics(natural: NaturalTuning) -> dict[str, Any]:
    """Describe the tuning of curve detectors in natural images, and how it differs from their tuning to circles."""
    own = natural.own()
    return files.without_nan(
        {
            "units": list(own.units),
            "examples": list(own.examples),
            "width": torch.nanquantile(tuning_width(own.own), 0.5).item(),
            "echo": torch.nanquantile(echo(own.own), 0.5).item(),
            "disagreement_with_circles": own.disagreement(natural.preferred),
        }
    )


def _headline_figures(figures: Mapping[str, Any]) -> dict[str, Any]:
    names = {"count": figures["curve_units"], "max_gap_deg": figures["largest_gap"]}
    return {**figures, **figures["families"], **names}


def _spreads(seeds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return mean, lowest and highest over seeds of every figure that is a number, and of every family."""
    names = [name for name in seeds[0] if name not in ("families", "counted_features")]
    families = {name: spread([seed["families"][name] for seed in seeds]) for name in seeds[0]["families"]}
    return {name: spread([seed[name] for seed in seeds]) for name in names} | {"families": families}
