"""What can be found: recovery of the planted features against how often neighbours fire together.

    OMP_NUM_THREADS=2 python benchmarks/planted_recovery.py --out benchmarks/results

The planted network's lateral inhibition is swept, from excitation (below zero) to strong inhibition; everything else is
as in `visae demo`. Prints a table and draws `planted_recovery.png`: the share of planted features that the dictionary
matched, against the mean phi coefficient of neighbouring curve detectors' firing at the captured positions.
"""

import argparse
import tempfile
from pathlib import Path

import torch
from machine import machine
from matplotlib.figure import Figure

import visae
from visae.activations import Positions, capture_layers
from visae.commands.demo import IMAGES, RECIPE, SIZE, TRAINING
from visae.images import Leaves
from visae.metrics import recovery

STRENGTHS = (-0.5, -0.3, -0.15, 0.0, 0.2, 0.4, 0.6, 0.8)


def neighbours_phi(truth: torch.Tensor, pairs: list[tuple[int, int]]) -> float:
    """Mean phi coefficient (Pearson correlation of firing or not) over pairs of features, from rows [n, f]."""
    fires = (truth > 0).double()
    z = (fires - fires.mean(0)) / fires.std(0, correction=0)
    return float(torch.stack([(z[:, one] * z[:, other]).mean() for one, other in pairs]).mean())


def one_run(strength: float, images: int, folder: Path) -> tuple[float, float, float]:
    network = visae.network(f"planted:{strength}", device="cpu")
    layers = {"mixed": folder / "mixed", "truth": folder / "truth"}
    rows = capture_layers(network, layers, Leaves(images, SIZE), Positions())
    sae = visae.train(rows["mixed"], RECIPE, folder / "sae", TRAINING, "cpu")
    truth = network.truth
    assert truth is not None
    found = recovery(sae.directions, truth.directions)
    fired = rows["truth"].gather(torch.arange(len(rows["truth"])))
    pairs = [(ring + i, ring + (i + 1) % 24) for ring in (0, 24) for i in range(24)]
    return neighbours_phi(fired, pairs), found.matched_fraction, found.mean_cosine


def draw(phis: list[float], matched: list[float], path: Path) -> None:
    figure = Figure(figsize=(4.6, 3.2), layout="constrained", dpi=200)
    axes = figure.add_subplot()
    axes.plot(phis, matched, "o-", color="0.15", linewidth=1, markersize=4)
    for strength, phi, share in zip(STRENGTHS, phis, matched, strict=True):
        axes.annotate(f"{strength:g}", (phi, share), xytext=(4, 5), textcoords="offset points", fontsize=7, color="0.4")
    axes.set_xlabel("mean phi of neighbouring curve detectors' firing")
    axes.set_ylabel("planted features matched")
    axes.set_ylim(0, 1.05)
    axes.set_title("Recovery against correlation (labels: lateral inhibition)", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--out", type=Path, default=Path("."))
    options = parser.parse_args()
    print(f"{machine()}\n\n| inhibition | phi | matched | mean cosine |\n| --- | --- | --- | --- |")
    found = []
    for strength in STRENGTHS:
        with tempfile.TemporaryDirectory() as folder:
            found.append(one_run(strength, options.images, Path(folder)))
        phi, matched, cosine = found[-1]
        print(f"| {strength:g} | {phi:.3f} | {matched:.1%} | {cosine:.3f} |", flush=True)
    draw([phi for phi, _, _ in found], [matched for _, matched, _ in found], options.out / "planted_recovery.png")


if __name__ == "__main__":
    main()
