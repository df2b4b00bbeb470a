"""Curve detectors and polysemantic neurons under every dictionary of a sweep, so that none is chosen to flatter.

    python benchmarks/missing_curves.py runs/frontier --rows runs/mixed3b_5x5/rows --weights DIR --images DIR

The dictionaries are those of `visae train --recipe benchmarks/mixed3b_5x5.toml` (see the README). Columns: curve
detectors among the features, their largest gap and coverage; features that lie 15 degrees or more from every curve
neuron; copies, the share of living features whose direction has a cosine of 0.9 or more with one neuron; polysemantic,
neurons with two meanings of a tenth of the variance each.
"""

import argparse
from pathlib import Path

from machine import machine

import visae
from visae._support.tables import markdown
from visae.activations import Rows
from visae.decomposition import most_polysemantic
from visae.held_out import held_out_rows
from visae.images import open_images
from visae.metrics import attribution
from visae.papers.missing_curves._measures import features_in_gaps
from visae.papers.missing_curves._populations import evenly_spaced, measured

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
    found = measured(network, rows.settings["layer"], saes, images)
    neurons = found.pop("neurons")
    table = [
        ["dictionary", "L0", "explained variance", "curves", "gap", "coverage", "in gaps", "copies", "polysemantic"]
    ]
    table.append(["neurons", "", "", *covers(neurons), "", "", ""])
    for name, sae in sorted(saes.items(), key=lambda item: (item[1].config.kind, item[1].about["metrics"]["l0"])):
        figures, of = sae.about["metrics"], found[name]
        shared = attribution(sae, held_out_rows(sae, rows))
        table.append(
            [
                name,
                f"{figures['l0']:.1f}",
                f"{figures['explained_variance']:.3f}",
                *covers(of),
                str(len(features_in_gaps(neurons.curves, of, sae))),
                f"{copies(sae, of):.0%}",
                str(len(most_polysemantic(shared, of.families))),
            ]
        )
    print(machine())
    print(markdown(table))


def covers(of) -> list[str]:
    return [str(len(of.curves.units)), f"{of.curves.largest_gap:.0f}°", f"{of.curves.ratio:.2f}"]


def copies(sae, of) -> float:
    """Of the features that fire on natural images, how many are one neuron."""
    directions = sae.directions.cpu()
    nearest = directions.amax(1) / directions.norm(dim=1).clamp_min(1e-30)
    return (nearest[of.deviation > 0] >= COPY).float().mean().item()


if __name__ == "__main__":
    main()
