"""Forty small autoencoders over bags, trained in one batched pass and one after the other.

    OMP_NUM_THREADS=2 python benchmarks/toys_bag_of_words.py
    python benchmarks/toys_bag_of_words.py --device cuda

Ten seeds of two latent sizes and two weight decays, on the paper's circular data: 8,000 bags of 12 features, batches of
256. Both ways take turns in one process, after an epoch of each that is not counted; seconds are medians of rounds.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import torch
from machine import machine

from visae._support.seeds import generator
from visae.papers.bag_of_words import Drawn, Fitting, Recipe, fit
from visae.papers.bag_of_words._synthetic import circular

SEEDS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    drawn = torch.stack([circular().draw(8000, generator(seed, "benchmark")) for seed in range(SEEDS)])
    drawn = drawn.to(options.device)
    recipes = [Recipe(*of, "relu", seed, seed) for *of, seed in product((2, 6), (1.0, 6.0), range(SEEDS))]
    alone = [(replace(recipe, bags=0), Drawn(drawn[recipe.bags][None])) for recipe in recipes]

    def together(epochs: int) -> None:
        fit(recipes, Drawn(drawn), Fitting(epochs), options.device)

    def apart(epochs: int) -> None:
        for recipe, bags in alone:
            fit([recipe], bags, Fitting(epochs), options.device)

    ways = {"one after the other": apart, "one pass": together}
    seconds = measured(ways, options.epochs, options.rounds, options.device)
    print(machine(options.device))
    print(f"\n{len(recipes)} models, {options.epochs} epochs\n")
    print("| what | seconds | share |\n| --- | --- | --- |")
    for name, of in seconds.items():
        print(f"| {name} | {of:.2f} | {of / seconds['one after the other']:.3f} |")


def measured(ways: dict[str, Callable[[int], None]], epochs: int, rounds: int, device: str) -> dict[str, float]:
    """Median seconds of each way, taking turns."""
    for way in ways.values():
        way(1)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            wait(device)
            started = time.perf_counter()
            way(epochs)
            wait(device)
            taken[name].append(time.perf_counter() - started)
    return {name: statistics.median(of) for name, of in taken.items()}


def wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
