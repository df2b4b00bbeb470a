"""The bridge where the answer is known: directions that were drawn at random, and know nothing of what fires together.

    OMP_NUM_THREADS=2 python benchmarks/superposition_planted.py

SAEs of the planted network, as `visae reproduce superposition-in-curves` trains and measures them, from fewer and more
images, for fewer and more epochs, of three seeds each. The first row is of the planted curves and lines themselves, at
all positions of 64 images. Prints a table; what is not 0 in r, or more than half of what is constructive, an SAE has
made of nothing.
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
from visae.papers.missing_curves import measure_populations
from visae.papers.superposition_in_curves._measures import Superposed, figures
from visae.papers.superposition_in_curves._populations import of_dictionary
from visae.papers.superposition_in_curves._setting import QUICK
from visae.training import SAESpec, default_budget, train_many

SIZE = 128  # px
SEEDS = 3
_PLANTED_ON = 64  # images
_HEAD = ("images", "epochs", "seed", "explained variance", "curves", "lines", "r", "constructive", "by directions")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[200, 600])
    parser.add_argument("--epochs", type=int, nargs="+", default=[20, 40, 60])
    options = parser.parse_args()
    network = visae.network("planted", device="cpu")
    print(machine())
    head = [*_HEAD, "alike"]
    print(f"\n| {' | '.join(head)} |\n|{' --- |' * len(head)}")
    curves, lines, found = planted(network)
    row([f"planted, {_PLANTED_ON}", "", "", "", curves, lines], found)
    for count in options.images:
        with tempfile.TemporaryDirectory() as folder:
            images = Leaves(count, SIZE)
            positions = default_budget("planted").positions
            rows = capture_layers(network, {"mixed": Path(folder) / "rows"}, images, positions)
            for epochs in options.epochs:
                for cells, found in learned(network, rows["mixed"], images, epochs, Path(folder) / str(epochs)):
                    row([count, epochs, *cells], found)


def planted(network: Network) -> tuple[int, int, dict[str, Any]]:
    """How many curves and lines are planted, and the figures of these."""
    truth = network.truth
    assert truth is not None
    pixels = (to_float(batch.pixels) for batch in batches(Leaves(_PLANTED_ON, SIZE)))
    x = torch.cat([values for _, values in planted_rows(network, pixels)])
    curves, lines = ([i for i, of in enumerate(truth.features) if of.kind == kind] for kind in ("curve", "line"))
    at = torch.tensor([truth.features[index].orientation for index in curves])
    gram = truth.directions @ truth.directions.T
    return len(curves), len(lines), figures(Superposed(gram, x, truth.directions, curves + lines, curves, at), 0)


def learned(
    network: Network, rows: Rows, images: Images, epochs: int, folder: Path
) -> Iterator[tuple[list[object], dict[str, Any]]]:
    """Seed, explained variance, curves and lines of SAEs of each seed, and their figures."""
    budget = default_budget("planted", epochs=epochs)
    members = {str(seed): SAESpec(budget.config(rows.dim), seed) for seed in range(SEEDS)}
    saes = train_many(rows, members, folder, budget.training, network.device)
    population = measure_populations(network, "mixed", saes, evenly_spaced(images, budget.images))
    for name, sae in saes.items():
        of = of_dictionary(sae, rows, population[name], budget.training, QUICK.rows)
        explained = f"{sae.about['metrics']['explained_variance']:.3f}"
        yield [name, explained, len(of.ring), len(of.asked) - len(of.ring)], figures(of, 0)


def row(cells: list[object], found: dict[str, Any]) -> None:
    arranged, shared, ring = found["arrangement"], found["interference"], found["ring"]
    measures = [
        f"{arranged['r']:.2f} ± {arranged['error']:.2f} (shuffled ± {arranged['shuffled_sd']:.2f})",
        *(f"{shared[way]['constructive']:.0%} ± {shared[way]['constructive_error']:.1%}" for way in ("read", "along")),
        f"{ring['alike']:.2f} (one in twenty: {ring['shuffled_alike_95']:.2f})",
    ]
    print(f"| {' | '.join(map(str, [*cells, *measures]))} |", flush=True)


if __name__ == "__main__":
    main()
