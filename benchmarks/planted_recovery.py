"""Recovery: the planted features that each kind of SAE matches, against how correlated neighbours are.

    OMP_NUM_THREADS=2 python benchmarks/planted_recovery.py --out docs/results

The lateral inhibition of the planted network is varied, from excitation (below zero) to inhibition; at each strength
all SAEs of planted.toml are trained in one pass. Prints a table and draws `planted_recovery.png`: the share of planted
features that a dictionary matched (one to one, cosine >= 0.9), against the mean correlation of the activities of
neighbouring curve detectors over all positions of a hundred images, one line per kind.
"""

import argparse
import tempfile
from pathlib import Path

import torch
from machine import machine

import visae
from visae.activations import Positions, capture_layers
from visae.images import Leaves, batches, to_float
from visae.metrics import planted_rows, recovery
from visae.plots._frontier import line_properties
from visae.plots._style import new_figure, save_figure, style_axes
from visae.sae import style_of
from visae.training import read_sweep, train_many

STRENGTHS = (-0.3, -0.15, 0.0, 0.2, 0.6)
SIZE = 128  # px
CORRELATION_IMAGES = 100
SWEEP = Path(__file__).with_name("planted.toml")
# The features of either ring of curve detectors, each with the next one around the ring.
NEIGHBOURS = [(ring + index, ring + (index + 1) % 24) for ring in (0, 24) for index in range(24)]


def mean_correlation(activities: torch.Tensor, pairs: list[tuple[int, int]]) -> float:
    """Return the mean Pearson correlation of pairs of features, from their activities [n, f]."""
    z = activities.double()
    z = (z - z.mean(0)) / z.std(0, correction=0)
    return float(torch.stack([(z[:, first] * z[:, second]).mean() for first, second in pairs]).nanmean())


def measure(strength: float, images: int, folder: Path) -> tuple[float, dict[str, float]]:
    """Return the correlation of neighbours, and the share of planted features that each kind matches."""
    network = visae.network(f"planted:{strength}", device="cpu")
    rows = capture_layers(network, {"mixed": folder / "mixed"}, Leaves(images, SIZE), Positions())["mixed"]
    members, training = read_sweep(SWEEP)
    saes = train_many(rows, members, folder / "saes", training, "cpu")
    truth = network.truth
    assert truth is not None
    pixels = (to_float(batch.pixels) for batch in batches(Leaves(min(CORRELATION_IMAGES, images), SIZE)))
    activities = torch.cat([truth_rows for _, truth_rows in planted_rows(network, pixels)])
    matched = {
        name: recovery(sae.directions, truth.directions, sae.block_size).matched_fraction for name, sae in saes.items()
    }
    return mean_correlation(activities, NEIGHBOURS), matched


def draw(correlations: list[float], matched: list[dict[str, float]], path: Path) -> None:
    """Draw one line per kind, with the strengths of inhibition above."""
    title = "Recovery on the planted network (above the points: lateral inhibition)"
    figure = new_figure(6.4, 3.8, title)
    axes = figure.add_subplot()
    for kind in matched[0]:
        axes.plot(correlations, [shares[kind] for shares in matched], **line_properties(kind, style_of(kind)))
    for strength, correlation in zip(STRENGTHS, correlations, strict=True):
        axes.annotate(f"{strength:g}", (correlation, 1.04), fontsize=7, color="0.4", ha="center")
    axes.set_ylim(-0.03, 1.1)
    style_axes(axes, "mean correlation of neighbouring curve detectors' activities", "planted features matched")
    figure.legend(loc="outside right center", fontsize=8, frameon=False)
    save_figure(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("."))
    options = parser.parse_args()
    correlations, matched = [], []
    print(machine())
    for strength in STRENGTHS:
        with tempfile.TemporaryDirectory() as folder:
            correlation, shares = measure(strength, options.images, Path(folder))
        if not matched:
            print(f"\n| inhibition | correlation | {' | '.join(shares)} |\n|{' --- |' * (2 + len(shares))}")
        correlations.append(correlation)
        matched.append(shares)
        cells = " | ".join(f"{share:.1%}" for share in shares.values())
        print(f"| {strength:g} | {correlation:.3f} | {cells} |", flush=True)
    draw(correlations, matched, options.out / "planted_recovery.png")


if __name__ == "__main__":
    main()
