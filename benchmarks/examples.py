"""Seconds of finding all dataset examples, beside those of the capture of one layer, over the same image files.

    OMP_NUM_THREADS=2 python benchmarks/examples.py --images images/ --count 1000 --dictionary runs/topk8

capture:   visae.capture of --layer, 64 positions an image, to the disk, as it is by default: 32 images a batch.
capture16: the same with 16 images a batch, as the search has it.
stopped:   the network stopped after --layer, 16 images a batch; nothing is done with the maps.
neurons:   the top 16 and the examples at quantiles of all neurons of --layer.
both:      of these and of all features of --dictionary, which is over --layer or one of its branches.
inside:    the same, of positions that see nothing beyond the border, as visae examples has it.

Every round runs all of them in turn, the order reversed in every other round; ratios are of the medians over rounds.
Seconds of the processor, of all threads, are less disturbed by what else the machine does: --clock processor, with
OMP_NUM_THREADS=1, since threads that wait for each other count as busy.

The floor of `both` is `stopped` and the features' pre-activations: for 768 features of mixed3b_5x5 at 224 px 58 MMAC an
image, beside 910 MMAC for the network to mixed3b.
"""

import argparse
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import torch
from machine import machine
from visae.examples._peaks import peaks
from visae.examples._pieces import in_pieces

import visae
from visae.activations import capture
from visae.activations._capture_pass import as_images
from visae.examples import border_margin, find
from visae.images import Images, Photographs, Subset, batches, evenly_spaced
from visae.networks import Network
from visae.sae import load
from visae.units import Units, features, neurons

TOP, BATCH = 16, 16
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


def captured(network: Network, layer: str, images: Images, batch: int) -> Callable[[], None]:
    def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            capture(network, layer, images, Path(folder) / "rows", positions=64, batch=batch)

    return run


def stopped(network: Network, layer: str, images: Images) -> Callable[[], None]:
    @torch.inference_mode()
    def run() -> None:
        with closing(batches(images, BATCH)) as reads:
            for batch in reads:
                network.maps(as_images(batch.pixels, network.device), [layer])

    return run


def found(populations: Sequence[Units], images: Images, margin: float = 0.0) -> Callable[[], None]:
    def run() -> None:
        find(populations, images, TOP, margin=margin)

    return run


def seconds(run: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    started = clock()
    run()
    return clock() - started


@torch.inference_mode()
def steps(populations: Sequence[Units], images: Images, rounds: int = 5) -> dict[str, float]:
    """Milliseconds an image of the steps that the search adds to the forward pass, on a batch in memory."""
    pixels = torch.stack([images.read(index)[0] for index in range(BATCH)])
    taken = {}
    for units in populations:
        name = f"{units.kind} of {units.layer.name}"
        maps = units.network.maps(as_images(pixels, units.network.device), [units.layer.name])[units.layer.name]
        read = [part.clone() for _, part in in_pieces(units, maps)]
        tenth = torch.rand(len(units), 4) < 0.1
        runs = {
            f"{name}: read": lambda units=units, maps=maps: deque(in_pieces(units, maps), maxlen=0),
            f"{name}: largest of each map": lambda read=read: [part.amax((2, 3)) for part in read],
            f"{name}: positions of a tenth": lambda read=read, tenth=tenth: [peaks(part, tenth, 1) for part in read],
        }
        for step, run in runs.items():
            taken[step] = statistics.median(seconds(run) for _ in range(rounds)) / BATCH * 1e3
    return taken


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
    parser.add_argument("--only", nargs="+", help="names of what is run; all by default")
    options = parser.parse_args()
    network = visae.network(options.network, options.weights, "cpu")
    sae = load(options.dictionary)
    every = Photographs.from_folder(options.images)
    images = evenly_spaced(every, options.count)
    both = [neurons(network, options.layer), features(network, sae.about["layer"], sae)]
    runs = {
        "capture": captured(network, options.layer, images, 32),
        "capture16": captured(network, options.layer, images, BATCH),
        "stopped": stopped(network, options.layer, images),
        "neurons": found(both[:1], images),
        "both": found(both, images),
        "inside": found(both, images, border_margin(both[0].layer, images)),
    }
    runs = {name: run for name, run in runs.items() if name in (options.only or runs)}
    times: dict[str, list[float]] = {name: [] for name in runs}
    found(both, Subset(images, range(BATCH)))()  # warms up
    for number in range(options.rounds):
        for name in list(runs)[:: -1 if number % 2 else 1]:
            times[name].append(seconds(runs[name], CLOCKS[options.clock]))
    median = {name: statistics.median(taken) for name, taken in times.items()}
    populations = ", ".join(f"{len(units)} {units.kind} of {units.layer.name}" for units in both)
    print(f"{machine()}; {len(images):,} image files, {populations}, median of {options.rounds} rounds\n")
    print(f"| what | s ({options.clock}) | of all rounds | ms an image | {' | '.join(f'over {of}' for of in median)} |")
    print("| --- | --- | --- | --- |" + " --- |" * len(median))
    for name, middle in median.items():
        spread = " ".join(f"{taken:.1f}" for taken in times[name])
        ratios = " | ".join(f"{middle / of:.3f}" for of in median.values())
        print(f"| {name} | {middle:.1f} | {spread} | {middle / len(images) * 1e3:.1f} | {ratios} |")
    print("\n| step, in memory | ms an image |\n| --- | --- |")
    for step, taken in steps(both, images).items():
        print(f"| {step} | {taken:.2f} |")


if __name__ == "__main__":
    main()
