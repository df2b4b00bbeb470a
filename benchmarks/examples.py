"""Seconds to find all dataset examples, beside those to capture one layer, over the same image files.

    OMP_NUM_THREADS=2 python benchmarks/examples.py --images images/ --count 1000 --dictionary runs/topk8

capture:   visae.capture of --layer, 64 positions per image, to disk, with its defaults: 32 images per batch.
capture16: the same with 16 images per batch, as the search uses.
stopped:   the network stopped after --layer, 16 images per batch; the maps are discarded.
neurons:   the top 16 and the examples at quantiles of all neurons of --layer.
both:      of these and of all features of --dictionary, which is over --layer or one of its branches.
inside:    the same, over positions that see nothing beyond the border, as in visae examples.

Each round runs all of them in turn, in reverse order every other round; ratios are of medians over rounds. Processor
seconds, summed over threads, depend less on the machine's other load: use --clock processor with OMP_NUM_THREADS=1,
since threads that wait for each other count as busy.

The floor of `both` is `stopped` plus the features' pre-activations: for 768 features of mixed3b_5x5 at 224 px, 58 MMAC
per image, beside 910 MMAC for the network up to mixed3b.
"""

import argparse
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import torch
from machine import machine

import visae
from visae.activations import capture
from visae.examples import border_margin, find_examples
from visae.examples._collector import find_peaks, read_in_chunks
from visae.images import Images, Photographs, Subset, batches, evenly_spaced, to_float
from visae.networks import Network
from visae.sae import load
from visae.units import Units, features, neurons

TOP, BATCH = 16, 16
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
Run = Callable[[], object]


def capturing(network: Network, layer: str, images: Images, batch: int) -> Run:
    def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            capture(network, layer, images, Path(folder) / "rows", positions=64, batch=batch)

    return run


def stopping(network: Network, layer: str, images: Images) -> Run:
    @torch.inference_mode()
    def run() -> None:
        with closing(batches(images, BATCH)) as reads:
            for batch in reads:
                network.maps(to_float(batch.pixels, network.device), [layer])

    return run


def searching(populations: Sequence[Units], images: Images, margin: float = 0.0) -> Run:
    return lambda: find_examples(populations, images, TOP, margin=margin)


def seconds(run: Run, clock: Callable[[], float] = time.perf_counter) -> float:
    started = clock()
    run()
    return clock() - started


def rounds_of(runs: Mapping[str, Run], rounds: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Seconds of each run in every round."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for index in range(rounds):
        for name in list(runs)[:: -1 if index % 2 else 1]:
            times[name].append(seconds(runs[name], clock))
    return times


@torch.inference_mode()
def time_steps(populations: Sequence[Units], images: Images, rounds: int = 5) -> dict[str, float]:
    """Milliseconds per image of the steps that the search adds to the forward pass, on a batch in memory."""
    pixels = torch.stack([images.read(index)[0] for index in range(BATCH)])
    milliseconds = {}
    for units in populations:
        name = f"{units.kind} of {units.layer.name}"
        maps = units.network.maps(to_float(pixels, units.network.device), [units.layer.name])[units.layer.name]
        chunks = [chunk.clone() for _, chunk in read_in_chunks(units, maps)]
        tenth = torch.rand(len(units), 4) < 0.1
        runs = {
            f"{name}: read": lambda units=units, maps=maps: deque(read_in_chunks(units, maps), maxlen=0),
            f"{name}: maxima of the maps": lambda chunks=chunks: [chunk.amax((2, 3)) for chunk in chunks],
            f"{name}: positions of a tenth": lambda chunks=chunks, tenth=tenth: [
                find_peaks(chunk, tenth, 1) for chunk in chunks
            ],
        }
        for step, run in runs.items():
            milliseconds[step] = statistics.median(seconds(run) for _ in range(rounds)) / BATCH * 1e3
    return milliseconds


def print_times(times: Mapping[str, Sequence[float]], clock: str, images: int) -> None:
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratios = " | ".join(f"over {name}" for name in medians)
    print(f"| what | s ({clock}) | all rounds | ms per image | {ratios} |")
    print("| --- | --- | --- | --- |" + " --- |" * len(medians))
    for name, median in medians.items():
        values = " ".join(f"{value:.1f}" for value in times[name])
        ratios = " | ".join(f"{median / base:.3f}" for base in medians.values())
        print(f"| {name} | {median:.1f} | {values} | {median / images * 1e3:.1f} | {ratios} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--dictionary", type=Path, required=True)
    parser.add_argument("--network", default="inceptionv1-caffe")
    parser.add_argument("--layer", default="mixed3b")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--only", nargs="+", help="names of the runs; all by default")
    options = parser.parse_args()
    network = visae.network(options.network, options.weights, "cpu")
    sae = load(options.dictionary)
    images = evenly_spaced(Photographs.from_folder(options.images), options.count)
    both = [neurons(network, options.layer), features(network, sae.about["layer"], sae)]
    runs: dict[str, Run] = {
        "capture": capturing(network, options.layer, images, 32),
        "capture16": capturing(network, options.layer, images, BATCH),
        "stopped": stopping(network, options.layer, images),
        "neurons": searching(both[:1], images),
        "both": searching(both, images),
        "inside": searching(both, images, border_margin(both[0].layer, images)),
    }
    runs = {name: run for name, run in runs.items() if name in (options.only or runs)}
    searching(both, Subset(images, range(BATCH)))()  # warms up
    times = rounds_of(runs, options.rounds, CLOCKS[options.clock])
    populations = ", ".join(f"{len(units)} {units.kind} of {units.layer.name}" for units in both)
    print(f"{machine()}; {len(images):,} image files, {populations}, median of {options.rounds} rounds\n")
    print_times(times, options.clock, len(images))
    print("\n| step, in memory | ms per image |\n| --- | --- |")
    for step, milliseconds in time_steps(both, images).items():
        print(f"| {step} | {milliseconds:.2f} |")


if __name__ == "__main__":
    main()
