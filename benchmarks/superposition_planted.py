"""Superposition in curves where the answer is known: random directions, independent of what fires together.

    OMP_NUM_THREADS=2 python benchmarks/superposition_planted.py

SAEs of the planted network, trained and measured as by `visae reproduce superposition-in-curves`, from fewer and more
images, for fewer and more rows seen, of three seeds each. The first row is of the planted curves and lines themselves,
at all positions of 64 images. Prints a table; an r other than 0, or a constructive share above a half, is an artefact
of the SAE.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from machine import machine

import visae
from visae.activations import Rows, capture_layers
from visae.images import Images, Leaves, batches, evenly_spaced, to_float
from visae.metrics import planted_rows
from visae.networks import Network
from visae.papers.superposition_in_curves import SETTINGS, SuperposedFeatures, dictionary_features, measure
from visae.training import SAESpec, default_budget, train_many
from visae.tuning import measure_populations

SIZE = 128  # px
SEEDS = 3
_PLANTED_ON = 64  # images
_HEAD = ("images", "rows seen", "seed", "explained variance", "curves", "lines", "r", "constructive", "by directions")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[200, 600])
    parser.add_argument("--rows-seen", type=int, nargs="+", default=[700_000, 1_400_000, 2_000_000])
    options = parser.parse_args()
    network = visae.network("planted", device="cpu")
    print(machine())
    head = [*_HEAD, "alike"]
    print(f"\n| {' | '.join(head)} |\n|{' --- |' * len(head)}")
    curves, lines, metrics = planted(network)
    print_row([f"planted, {_PLANTED_ON}", "", "", "", curves, lines], metrics)
    for count in options.images:
        with tempfile.TemporaryDirectory() as folder:
            images = Leaves(count, SIZE)
            rows = capture_layers(
                network, {"mixed": Path(folder) / "rows"}, images, default_budget("planted").positions
            )
            for rows_seen in options.rows_seen:
                for cells, metrics in learned(network, rows["mixed"], images, rows_seen, Path(folder) / str(rows_seen)):
                    print_row([count, rows_seen, *cells], metrics)


def planted(network: Network) -> tuple[int, int, dict[str, Any]]:
    """The numbers of planted curves and lines, and their metrics."""
    truth = network.truth
    assert truth is not None
    pixels = (to_float(batch.pixels) for batch in batches(Leaves(_PLANTED_ON, SIZE)))
    x = torch.cat([values for _, values in planted_rows(network, pixels)])
    curves, lines = (
        [index for index, feature in enumerate(truth.features) if feature.kind == kind] for kind in ("curve", "line")
    )
    at = torch.tensor([truth.features[index].orientation for index in curves])
    gram = truth.directions @ truth.directions.T
    features = SuperposedFeatures(gram, x, truth.directions, curves + lines, curves, at)
    return len(curves), len(lines), measure(features, 0)


def learned(
    network: Network, rows: Rows, images: Images, rows_seen: int, folder: Path
) -> Iterator[tuple[list[object], dict[str, Any]]]:
    """Seed, explained variance, curves and lines of SAEs of each seed, and their metrics."""
    budget = default_budget("planted", rows_seen=rows_seen)
    members = {str(seed): SAESpec(budget.config(rows.dim, "topk"), seed) for seed in range(SEEDS)}
    saes = train_many(rows, members, folder, budget.training, network.device)
    population = measure_populations(network, "mixed", saes, evenly_spaced(images, budget.images))
    for name, sae in saes.items():
        most = SETTINGS["quick"].rows
        features = dictionary_features(sae, rows, population[name], budget.training, most)
        explained = f"{sae.about['metrics']['explained_variance']:.3f}"
        curves = len(features.ring)
        yield [name, explained, curves, len(features.selected) - curves], measure(features, 0)


def print_row(cells: list[object], metrics: dict[str, Any]) -> None:
    arranged, shares, ring = metrics["arrangement"], metrics["interference"], metrics["ring"]
    values = [
        f"{arranged['r']:.2f} ± {arranged['error']:.2f} (shuffled ± {arranged['shuffled_sd']:.2f})",
        *(f"{shares[way]['constructive']:.0%} ± {shares[way]['constructive_error']:.1%}" for way in ("read", "along")),
        f"{ring['alike']:.2f} (one in twenty: {ring['shuffled_alike_95']:.2f})",
    ]
    print(f"| {' | '.join(map(str, [*cells, *values]))} |", flush=True)


if __name__ == "__main__":
    main()
