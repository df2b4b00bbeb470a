"""What can be found: the planted features that each kind matches, against how correlated neighbours are.

    OMP_NUM_THREADS=2 python benchmarks/planted_recovery.py --out docs/results

The planted network's lateral inhibition is swept, from excitation (below zero) to inhibition; at each strength all
kinds of planted.toml are trained in one pass. Prints a table and draws `planted_recovery.png`: the share of planted
features that a dictionary matched (one to one, cosine >= 0.9), against the mean correlation of the activities of
neighbouring curve detectors over all positions of a hundred images, one line a kind.
"""

import argparse
import tempfile
from pathlib import Path

import torch
from machine import machine
from matplotlib.figure import Figure

import visae
from visae.activations import Positions, capture_layers
from visae.images import Leaves, batches, to_float
from visae.metrics import planted_rows, recovery
from visae.plots._frontier import line_properties
from visae.plots._style import save_figure
from visae.sae import style_of
from visae.training import read_sweep, train_many

STRENGTHS = (-0.3, -0.15, 0.0, 0.2, 0.6)
SIZE = 128  # px
_IMAGES_OF_PAIRS = 100
SWEEP = Path(__file__).with_name("planted.toml")


def neighbours_correlation(truth: torch.Tensor, pairs: list[tuple[int, int]]) -> float:
    """Mean Pearson correlation of the activities of pairs of features, from rows [n, f]."""
    z = truth.double()
    z = (z - z.mean(0)) / z.std(0, correction=0)
    return float(torch.stack([(z[:, one] * z[:, other]).mean() for one, other in pairs]).nanmean())


def one_strength(strength: float, images: int, folder: Path) -> tuple[float, dict[str, float]]:
    """The neighbours' correlation, and the share of planted features that each kind matches."""
    network = visae.network(f"planted:{strength}", device="cpu")
    rows = capture_layers(network, {"mixed": folder / "mixed"}, Leaves(images, SIZE), Positions())["mixed"]
    members, training = read_sweep(SWEEP)
    saes = train_many(rows, members, folder / "saes", training, "cpu")
    truth = network.truth
    assert truth is not None
    pairs = [(ring + i, ring + (i + 1) % 24) for ring in (0, 24) for i in range(24)]
    some = (to_float(batch.pixels) for batch in batches(Leaves(_IMAGES_OF_PAIRS, SIZE)))
    activities = torch.cat([truth_rows for _, truth_rows in planted_rows(network, some)])
    correlation = neighbours_correlation(activities, pairs)
    return correlation, {
        name: recovery(sae.directions, truth.directions, sae.block_size).matched_fraction for name, sae in saes.items()
    }


def draw(correlations: list[float], matched: list[dict[str, float]], path: Path) -> None:
    """One line a kind, with the strengths above."""
    figure = Figure(figsize=(6.4, 3.8), layout="constrained", dpi=200)
    axes = figure.add_subplot()
    for kind in matched[0]:
        axes.plot(correlations, [found[kind] for found in matched], **line_properties(kind, style_of(kind)))
    for strength, correlation in zip(STRENGTHS, correlations, strict=True):
        axes.annotate(f"{strength:g}", (correlation, 1.04), fontsize=7, color="0.4", ha="center")
    axes.set_xlabel("mean correlation of neighbouring curve detectors' activities", fontsize=8)
    axes.set_ylabel("planted features matched", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.set_ylim(-0.03, 1.1)
    axes.grid(linewidth=0.4, color="0.88")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right center", fontsize=8, frameon=False)
    figure.suptitle("Recovery on the planted network (above the points: lateral inhibition)", fontsize=9)
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
            correlation, found = one_strength(strength, options.images, Path(folder))
        if not matched:
            print(f"\n| inhibition | correlation | {' | '.join(found)} |\n|{' --- |' * (2 + len(found))}")
        correlations.append(correlation)
        matched.append(found)
        shares = " | ".join(f"{share:.1%}" for share in found.values())
        print(f"| {strength:g} | {correlation:.3f} | {shares} |", flush=True)
    draw(correlations, matched, options.out / "planted_recovery.png")


if __name__ == "__main__":
    main()
