"""The tuning sweep's rate, against the network's own forward pass of the same images.

    OMP_NUM_THREADS=2 python benchmarks/sweep.py --weights DIR

72 orientations x 16 radii over all units of a layer. The baseline is the forward pass, stopped at the layer, over
images that are already drawn; the sweep also draws them and keeps every unit's response. The two alternate.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
from machine import machine

import visae
from visae.tuning import sweep
from visae.tuning._sweep import default_axes
from visae.tuning._views import viewing
from visae.tuning.stimuli import stimulus


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="inceptionv1-caffe")
    parser.add_argument("--layer", default="mixed3b")
    parser.add_argument("--weights", type=Path, default=None)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    network = visae.network(options.network, options.weights, options.device)
    units = visae.neurons(network, options.layer)
    size, _, centre = viewing(units.layer)
    axes = default_axes(stimulus("circle"), units.layer)
    grid = torch.meshgrid(*axes.values(), indexing="ij")
    values = dict(zip(axes, (points.flatten()[: options.batch] for points in grid), strict=True))
    images = stimulus("circle").images(values, size, centre).contiguous(memory_format=torch.channels_last)
    count = grid[0].numel()

    def forward() -> None:
        with torch.inference_mode():
            for _ in range(0, count, options.batch):
                network.maps(images, [options.layer])

    def swept() -> None:
        sweep([units], "circle", axes, batch=options.batch)

    rounds: dict[str, list[float]] = {"forward": [], "sweep": []}
    for _ in range(options.rounds):
        for name, step in (("forward", forward), ("sweep", swept)):
            started = time.perf_counter()
            step()
            rounds[name].append(time.perf_counter() - started)
    seconds = {name: statistics.median(times) for name, times in rounds.items()}
    print(machine())
    print(f"\n{len(units)} units of {options.layer} of {network.name}, {count} stimuli of {size} px\n")
    print("| what | seconds | stimuli/s | of the forward pass |\n| --- | --- | --- | --- |")
    for name, median in seconds.items():
        print(f"| {name} | {median:.1f} | {count / median:.0f} | {seconds['forward'] / median:.2f} |")


if __name__ == "__main__":
    main()
