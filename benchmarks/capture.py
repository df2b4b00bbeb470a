"""Measure images per second of capture, side by side in one process, with random weights.

    OMP_NUM_THREADS=2 python benchmarks/capture.py            # add --device cuda for a GPU

lucent:   a full forward pass of lucent's InceptionV1 with a forward hook on mixed3b, the obvious way to do it:
          pip install --no-deps torch-lucent (the network does not need its image library).
stopped:  visae's InceptionV1, stopped after mixed3b; the maps are discarded.
capture:  visae.capture of mixed3b, 64 positions per image, to disk, from images already decoded.

Each round runs all of them in turn; ratios are between medians over rounds.

Lower bound: 0.91 GMAC per image up to mixed3b at 224 px, of 1.59 GMAC for the whole network.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from machine import machine

from visae.activations import capture
from visae.images import to_float
from visae.networks import TENSORFLOW, InceptionV1, Network

BATCH, SIZE, LAYER = 32, 224, "mixed3b"


class Decoded:
    """Random images that are already in memory."""

    name = "decoded"
    size = SIZE

    def __init__(self, count: int):
        self.pixels = torch.randint(0, 256, (count, 3, SIZE, SIZE), dtype=torch.uint8)

    def __len__(self) -> int:
        return len(self.pixels)

    def key(self, index: int) -> str:
        return str(index)

    def read(self, index: int) -> tuple[torch.Tensor, str]:
        return self.pixels[index], "0"

    def settings(self) -> dict[str, Any]:
        return {"kind": "decoded", "count": len(self)}


def lucent_forward(images: Decoded, device: torch.device) -> Callable[[], None]:
    from lucent.modelzoo.inceptionv1.InceptionV1 import InceptionV1 as Lucent

    network = Lucent(pretrained=False, redirected_ReLU=False).to(device).eval()
    maps = {}
    network.mixed3b.register_forward_hook(lambda *call: maps.update(mixed3b=call[-1]))

    def run() -> None:
        with torch.no_grad():
            for pixels in images.pixels.split(BATCH):
                network(pixels.to(device).float() - 117)

    return run


def stopped_forward(images: Decoded, network: Network) -> Callable[[], None]:
    def run() -> None:
        with torch.inference_mode():
            for pixels in images.pixels.split(BATCH):
                network.maps(to_float(pixels, network.device), [LAYER])

    return run


def whole_capture(images: Decoded, network: Network) -> Callable[[], None]:
    def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            capture(network, LAYER, images, Path(folder) / "rows", positions=64, batch=BATCH)

    return run


def seconds(run: Callable[[], None], device: torch.device) -> float:
    started = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    images = Decoded(options.images)
    network = Network("random", InceptionV1(TENSORFLOW), "0", device)
    runs = {
        "lucent": lucent_forward(images, device),
        "stopped": stopped_forward(images, network),
        "capture": whole_capture(images, network),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(options.rounds + 1):
        for name, run in runs.items():
            elapsed = seconds(run, device)
            if number:  # the first round is a warm-up
                times[name].append(elapsed)
    rate = {name: options.images / statistics.median(elapsed) for name, elapsed in times.items()}
    print(f"{machine(device)}; {LAYER}, batch {BATCH}, {options.images} images, median of {options.rounds} rounds\n")
    print("| run | images/s | over lucent | over stopped |")
    print("| --- | --- | --- | --- |")
    for name in runs:
        print(f"| {name} | {rate[name]:.1f} | {rate[name] / rate['lucent']:.2f} | {rate[name] / rate['stopped']:.2f} |")


if __name__ == "__main__":
    main()
