"""Feature visualisation, side by side with lucent 0.1.8 in one process.

    OMP_NUM_THREADS=2 python benchmarks/render.py speed                   # random weights; --device cuda for a GPU
    OMP_NUM_THREADS=2 python benchmarks/render.py quality --weights DIR   # the real network
    OMP_NUM_THREADS=2 python benchmarks/render.py layer --weights DIR     # all 96 channels of mixed3b_5x5
    OMP_NUM_THREADS=2 python benchmarks/render.py features --weights DIR --images DIR --dictionary DIR --steps 256

Needs lucent (pip install "visae[lucent]"), which renders one channel at a time and runs its whole network. Pictures and
network inputs have 128 px; each library uses its own default transforms.

The floor of a step is a forward and a backward pass to mixed3b without gradients of weights.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from machine import machine
from torch import Tensor, nn

import visae
from visae.examples import strongest
from visae.featurevis import Optimisation, render
from visae.featurevis._album import unit_values
from visae.featurevis._window import smallest_window
from visae.featurevis.objectives import activation, centre, everywhere, unit
from visae.featurevis.transforms import compose, crop, pad, random_affine
from visae.images import open_images
from visae.networks import TENSORFLOW, InceptionV1, Network
from visae.sae import load
from visae.units import Units, features, neurons

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lucent.modelzoo.inceptionv1.InceptionV1 import InceptionV1 as Lucent
    from lucent.optvis import objectives, param, transform
    from lucent.optvis.render import render_vis

LAYER, SIZE = "mixed3b", 128


def lucent_steps(network: nn.Module, channel: int, steps: int, preprocess: bool = True) -> Tensor:
    """Render one picture with lucent, [1, 3, s, s]."""
    torch.manual_seed(0)
    pictures = render_vis(
        network,
        objectives.channel(LAYER, channel),
        param_f=lambda: param.image(SIZE),
        thresholds=(steps,),
        preprocess=preprocess,
        progress=False,
        show_image=False,
        fixed_image_size=SIZE,
    )
    return torch.from_numpy(pictures[-1]).permute(0, 3, 1, 2)


def bare(network: Network, batch: int) -> Callable[[int], None]:
    """Return a function that runs steps of forward and backward passes alone."""
    images = torch.rand(batch, 3, SIZE, SIZE, device=network.device).contiguous(memory_format=torch.channels_last)
    images.requires_grad_()

    def run(steps: int) -> None:
        for _ in range(steps):
            torch.autograd.grad(network.maps(images, [LAYER])[LAYER][:, 0].mean((1, 2)).sum(), images)

    return run


@torch.no_grad()
def alive(units: Units) -> list[int]:
    """Return the units that respond to noise: others, of untrained networks, would need redirected ReLUs."""
    return (units.maps(torch.rand(4, 3, SIZE, SIZE)).amax((0, 2, 3)) > 0).nonzero().flatten().tolist()


def speed(options: argparse.Namespace) -> None:
    """Measure image-steps a second."""
    device = torch.device(options.device)
    network = Network("random", InceptionV1(TENSORFLOW), "0", device)
    units, theirs = neurons(network, LAYER), Lucent(pretrained=False, redirected_ReLU=False).to(device).eval()
    chosen, steps = alive(units)[: options.units], options.steps
    floor = bare(network, 16)

    def ours(size: int | None, at: Callable[[Tensor], Tensor]) -> Callable[[], None]:
        settings = Optimisation(steps, tolerance=0.0)
        return lambda: render(network, activation(units, chosen, at), size=size, optimisation=settings) and None

    runs: dict[str, tuple[Callable[[], object], int]] = {
        "lucent": (lambda: lucent_steps(theirs, chosen[0], steps), steps),
        "floor": (lambda: floor(steps), 16 * steps),
        "visae, the same shape": (ours(SIZE, everywhere), len(chosen) * steps),
        "visae, a unit at the centre": (ours(None, centre), len(chosen) * steps),
    }
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(options.rounds + 1):
        for name, (run, images) in runs.items():
            started = time.perf_counter()
            run()
            if number:  # the first round warms up
                rates[name].append(images / (time.perf_counter() - started))
    print(f"{machine(device)}; {LAYER}, {SIZE} px, {len(chosen)} units, median of {options.rounds} rounds\n")
    print("| what | image-steps/s | over lucent | of the floor |\n| --- | --- | --- | --- |")
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, rate in medians.items():
        print(f"| {name} | {rate:.1f} | {rate / medians['lucent']:.2f} | {rate / medians['floor']:.2f} |")


class Stopped(nn.Module):
    """The same network for lucent: takes RGB, 0..1, and stops at `LAYER`."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network
        self.mixed3b = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        return self.mixed3b(self.network.maps(images, [LAYER])[LAYER])


@torch.no_grad()
def scores(network: Network, pictures: Tensor, channels: list[int], transform: Callable[[Tensor], Tensor]) -> Tensor:
    """Compute the mean of each picture's channel under one set of transforms, by the same code for both libraries."""
    images = torch.cat([transform(picture[None]) for picture in pictures])
    maps = network.maps(images, [LAYER])[LAYER]
    return maps[torch.arange(len(channels)), channels].mean((1, 2))


def quality(options: argparse.Namespace) -> None:
    """Compare the objectives after equal steps, under either library's transforms."""
    network = visae.network("inceptionv1-caffe", options.weights, options.device)
    steps, channels = options.steps, list(range(0, 480, 30))
    theirs = torch.cat([lucent_steps(Stopped(network), channel, steps, preprocess=False) for channel in channels])
    objective, settings = activation(neurons(network, LAYER), channels, everywhere), Optimisation(steps, tolerance=0.0)
    ours = render(network, objective, size=SIZE, optimisation=settings).pictures
    draws = torch.Generator().manual_seed(1)
    default = random_affine(SIZE // 11)
    lucents = transform.compose(transform.standard_transforms)
    fitted = compose([pad(SIZE), crop(SIZE)])
    kinds: dict[str, Callable[[Tensor], Tensor]] = {
        "none": lambda picture: picture,
        "visae's": lambda picture: default(picture, draws),
        "lucent's": lambda picture: fitted(lucents(picture), draws),
    }
    print(f"{machine(network.device)}; 16 channels of {LAYER}, {SIZE} px, {steps} steps, mean of 8 draws\n")
    print("| transforms | lucent | visae | visae is higher for |\n| --- | --- | --- | --- |")
    for name, perturb in kinds.items():
        by_lucent, by_visae = (
            torch.stack([scores(network, pictures, channels, perturb) for _ in range(8)]).mean(0)
            for pictures in (theirs, ours)
        )
        higher = int((by_visae > by_lucent).sum())
        print(f"| {name} | {by_lucent.mean():.1f} | {by_visae.mean():.1f} | {higher} of 16 |")


def layer(options: argparse.Namespace) -> None:
    """Render a whole layer."""
    network = visae.network("inceptionv1-caffe", options.weights, options.device)
    objective = activation(neurons(network, "mixed3b_5x5"), range(96))
    started = time.perf_counter()
    result = render(network, objective, size=64, optimisation=Optimisation(128, tolerance=0.0))
    print(f"{machine(network.device)}; 96 channels of mixed3b_5x5, 64 px, 128 steps")
    print(f"{time.perf_counter() - started:.0f} s; median objective {result.values.median():.0f}")


def compare_features(options: argparse.Namespace) -> None:
    """Compare features' values under their pictures with their largest at any position of any image."""
    sae = load(options.dictionary)
    network = visae.network(sae.about["network"], options.weights, options.device)
    units, images = features(network, sae.about["layer"], sae), open_images(options.images)
    best = strongest([units], images, 1)[0].value[:, 0]
    chosen = [number for number in range(options.first, len(units), options.every) if best[number] > 0]
    objective, started = unit(units, chosen), time.perf_counter()
    pictures = render(network, objective, optimisation=Optimisation(options.steps)).pictures
    seconds = time.perf_counter() - started
    ratio = unit_values(units, chosen, pictures, smallest_window(network, objective, None)) / best[chosen]
    print(f"{machine(network.device)}; {len(chosen)} of {len(units)} features, {options.steps} steps, {seconds:.0f} s")
    print(f"above every position of {len(images):,} images: {int((ratio > 1).sum())} of {len(chosen)}")
    print(
        "picture over best image, quantiles 0.05, 0.5, 0.95:", ratio.quantile(torch.tensor([0.05, 0.5, 0.95])).tolist()
    )
    print("not above:", [number for number, value in zip(chosen, ratio.tolist(), strict=True) if value <= 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "quality", "layer", "features"))
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--dictionary", type=Path)
    parser.add_argument("--images")
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    {"speed": speed, "quality": quality, "layer": layer, "features": compare_features}[options.what](options)


if __name__ == "__main__":
    main()
