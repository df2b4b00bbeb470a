"""Forty small autoencoders over bags, trained in one batched pass and sequentially.

    OMP_NUM_THREADS=2 python benchmarks/toys_bag_of_words.py
    python benchmarks/toys_bag_of_words.py --device cuda

Ten seeds of two latent sizes and two weight decays, on the paper's circular data: 8,000 bags of 12 features, batches of
256. Both ways take turns in one process, after a warm-up epoch of each; seconds are medians of rounds.
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
from visae.papers.bag_of_words import BagAutoencoder, BagTraining, DrawnBags, circular, train

SEEDS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    drawn = torch.stack([circular().draw(8000, generator(seed, "benchmark")) for seed in range(SEEDS)])
    drawn = drawn.to(options.device)
    cases = product((2, 6), (1.0, 6.0), range(SEEDS))
    models = [BagAutoencoder(latent, decay, "relu", seed, seed) for latent, decay, seed in cases]
    alone = [(replace(model, bags=0), DrawnBags(drawn[model.bags][None])) for model in models]

    def together(epochs: int) -> None:
        train(models, DrawnBags(drawn), BagTraining(epochs), options.device)

    def apart(epochs: int) -> None:
        for model, bags in alone:
            train([model], bags, BagTraining(epochs), options.device)

    ways = {"sequential": apart, "one pass": together}
    seconds = measure(ways, options.epochs, options.rounds, options.device)
    print(machine(options.device))
    print(f"\n{len(models)} models, {options.epochs} epochs\n")
    print("| what | seconds | share |\n| --- | --- | --- |")
    for name, value in seconds.items():
        print(f"| {name} | {value:.2f} | {value / seconds['sequential']:.3f} |")


def measure(ways: dict[str, Callable[[int], None]], epochs: int, rounds: int, device: str) -> dict[str, float]:
    """Median seconds of each way, taking turns."""
    for way in ways.values():
        way(1)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            wait(device)
            started = time.perf_counter()
            way(epochs)
            wait(device)
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
