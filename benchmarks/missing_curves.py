"""Curve detectors and polysemantic neurons under every dictionary of a sweep, to avoid choosing one that flatters.

    python benchmarks/missing_curves.py runs/frontier --rows runs/mixed3b_5x5/rows --weights DIR --images DIR

The dictionaries are those of `visae train --sweep benchmarks/mixed3b_5x5.toml` (docs/results/frontier.md). Columns:
curve detectors among the features, their largest gap and coverage; features in gaps, 15 degrees or more from every
curve neuron; copies, the share of living features whose direction has a cosine of 0.9 or more with one neuron;
polysemantic, neurons with two meanings that each explain a tenth of the variance.
"""

import argparse
from pathlib import Path

from machine import machine

import visae
from visae._support.tables import markdown
from visae.activations import Rows
from visae.decomposition import most_polysemantic
from visae.held_out import held_out_rows
from visae.images import evenly_spaced, open_images
from visae.metrics import attribution
from visae.papers.missing_curves import features_in_gaps
from visae.tuning import measure_populations

COPY = 0.9
IMAGES = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=Path)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--images", required=True)
    parser.add_argument("--weights", type=Path, default=None)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    saes = {path.parent.name: visae.load(path.parent) for path in sorted(options.sweep.glob("*/sae.safetensors"))}
    rows = Rows(options.rows)
    network = visae.network(rows.settings["network"], options.weights, options.device)
    images = evenly_spaced(open_images(options.images), IMAGES)
    populations = measure_populations(network, rows.settings["layer"], saes, images)
    neurons = populations.pop("neurons")
    table = [
        ["dictionary", "L0", "explained variance", "curves", "gap", "coverage", "in gaps", "copies", "polysemantic"]
    ]
    table.append(["neurons", "", "", *covers(neurons), "", "", ""])
    for name, sae in sorted(saes.items(), key=lambda item: (item[1].config.kind, item[1].about["metrics"]["l0"])):
        metrics, population = sae.about["metrics"], populations[name]
        attributed = attribution(sae, held_out_rows(sae, rows))
        table.append(
            [
                name,
                f"{metrics['l0']:.1f}",
                f"{metrics['explained_variance']:.3f}",
                *covers(population),
                str(len(features_in_gaps(neurons.curves, population, sae))),
                f"{copies(sae, population):.0%}",
                str(len(most_polysemantic(attributed, population.families))),
            ]
        )
    print(machine())
    print(markdown(table))


def covers(population) -> list[str]:
    curves = population.curves
    return [str(len(curves.units)), f"{curves.largest_gap:.0f}°", f"{curves.ratio:.2f}"]


def copies(sae, population) -> float:
    """Return the share of the features that fire on natural images that are copies of one neuron."""
    directions = sae.directions.cpu()
    nearest = directions.amax(1) / directions.norm(dim=1).clamp_min(1e-30)
    return (nearest[population.deviation > 0] >= COPY).float().mean().item()


if __name__ == "__main__":
    main()
