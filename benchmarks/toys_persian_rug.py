"""Forty small models of the Persian rug trained in one pass, and the same forty sequentially.

    OMP_NUM_THREADS=2 python benchmarks/toys_persian_rug.py

Four densities, two ratios and five seeds of models of few features. Both ways take turns in one process, and end with
the same models. The ratio of the median times is what counts; the aim is a quarter.
"""

import argparse
import statistics
import time

import torch
from machine import machine

from visae.papers.persian_rug import RugModel, RugTraining, train

DENSITIES, RATIOS, SEEDS = (0.02, 0.045, 0.1, 0.3), (0.25, 0.5), 5
TOLERANCE = 0.02  # relative difference of the losses, after many steps in single precision


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    models = [RugModel(ratio, p, seed) for ratio in RATIOS for p in DENSITIES for seed in range(SEEDS)]
    print(machine(options.device))
    print(f"\n{len(models)} models, {options.steps} steps, medians of {options.rounds} rounds\n")
    print("| n | batch | sequential, s | one pass, s | share | losses differ by |")
    print("| --- | --- | --- | --- | --- | --- |")
    for n in options.sizes:
        for batch in options.batches:
            training = RugTraining(steps=options.steps, batch=batch, held_out=512)
            print(_row(n, models, training, options.rounds, options.device), flush=True)


def _row(n: int, models: list[RugModel], training: RugTraining, rounds: int, device: str) -> str:
    seconds: dict[str, list[float]] = {"alone": [], "together": []}
    losses = {}
    for _ in range(rounds):
        for name, groups in (("alone", [[model] for model in models]), ("together", [models])):
            started = time.perf_counter()
            losses[name] = torch.cat([train(n, group, training, device).losses for group in groups])
            seconds[name].append(time.perf_counter() - started)
    alone, together = (statistics.median(values) for values in seconds.values())
    off = (losses["together"] / losses["alone"] - 1).abs().max().item()
    assert off < TOLERANCE, f"the two do not train the same models: losses differ by {off:.1%}"
    return f"| {n} | {training.batch} | {alone:.2f} | {together:.2f} | {together / alone:.2f} | {off:.1e} |"


if __name__ == "__main__":
    main()
