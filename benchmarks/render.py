"""Feature visualisation, side by side with lucent 0.1.8 in one process.

    OMP_NUM_THREADS=2 python benchmarks/render.py speed                   # random weights; --device cuda for a GPU
    OMP_NUM_THREADS=2 python benchmarks/render.py quality --weights DIR   # the real network
    OMP_NUM_THREADS=2 python benchmarks/render.py layer --weights DIR     # all 96 channels of mixed3b_5x5
    OMP_NUM_THREADS=2 python benchmarks/render.py features --weights DIR --images DIR --dictionary DIR --steps 256

lucent: pip install "visae[lucent]". It draws one channel at a time, and its network is run whole; pictures and what the
network is shown are of 128 px, with lucent's standard transforms there and visae's here.

The floor of a step: a forward and a backward pass to mixed3b without gradients of weights, and nothing else.
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
from visae.featurevis._reached import reached
from visae.featurevis._transforms import compose, crop, pad, wobble
from visae.featurevis._window import window
from visae.featurevis.objectives import activation, everywhere, unit
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
    """One picture by lucent, [1, 3, s, s]."""
    torch.manual_seed(0)
    found = render_vis(
        network,
        objectives.channel(LAYER, channel),
        param_f=lambda: param.image(SIZE),
        thresholds=(steps,),
        preprocess=preprocess,
        progress=False,
        show_image=False,
        fixed_image_size=SIZE,
    )
    return torch.from_numpy(found[-1]).permute(0, 3, 1, 2)


def bare(network: Network, batch: int) -> Callable[[int], None]:
    """Forward and backward passes alone."""
    images = torch.rand(batch, 3, SIZE, SIZE, device=network.device).contiguous(memory_format=torch.channels_last)
    images.requires_grad_()

    def run(steps: int) -> None:
        for _ in range(steps):
            torch.autograd.grad(network.maps(images, [LAYER])[LAYER][:, 0].mean((1, 2)).sum(), images)

    return run


@torch.no_grad()
def alive(of: Units) -> list[int]:
    """The units that respond: without training some never do, and their pictures would cost a second pass."""
    return (of.maps(torch.rand(4, 3, SIZE, SIZE)).amax((0, 2, 3)) > 0).nonzero().flatten().tolist()


def speed(options: argparse.Namespace) -> None:
    """Image-steps a second."""
    device = torch.device(options.device)
    network = Network("random", InceptionV1(TENSORFLOW), "0", device)
    of, theirs = neurons(network, LAYER), Lucent(pretrained=False, redirected_ReLU=False).to(device).eval()
    units, steps = alive(of)[: options.units], options.steps
    floor = bare(network, 16)

    def ours(size: int | None, at: Callable[[Tensor], Tensor]) -> Callable[[], None]:
        how = Optimisation(steps, tolerance=0.0)
        return lambda: render(network, activation(of, units, at), size=size, optimisation=how) and None

    runs: dict[str, tuple[Callable[[], object], int]] = {
        "lucent": (lambda: lucent_steps(theirs, units[0], steps), steps),
        "floor": (lambda: floor(steps), 16 * steps),
        "visae, the same shape": (ours(SIZE, everywhere), len(units) * steps),
        "visae, a unit at the centre": (ours(None, visae.featurevis.objectives.centre), len(units) * steps),
    }
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(options.rounds + 1):
        for name, (run, images) in runs.items():
            started = time.perf_counter()
            run()
            if number:  # the first round warms up
                rates[name].append(images / (time.perf_counter() - started))
    print(f"{machine(device)}; {LAYER}, {SIZE} px, {len(units)} units, median of {options.rounds} rounds\n")
    print("| what | image-steps/s | over lucent | of the floor |\n| --- | --- | --- | --- |")
    middle = {name: statistics.median(found) for name, found in rates.items()}
    for name, rate in middle.items():
        print(f"| {name} | {rate:.1f} | {rate / middle['lucent']:.2f} | {rate / middle['floor']:.2f} |")


class Stopped(nn.Module):
    """The same network for lucent: what it is shown is RGB, 0..1, and its only layer is the one that is asked for."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network
        self.mixed3b = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        return self.mixed3b(self.network.maps(images, [LAYER])[LAYER])


@torch.no_grad()
def scores(of: Units, pictures: Tensor, units: list[int], how: Callable[[Tensor], Tensor]) -> Tensor:
    """The objective of each picture under one set of transforms, by the same code for all."""
    shown = torch.cat([how(picture[None]) for picture in pictures])
    maps = of.network.maps(shown, [LAYER])[LAYER]
    return maps[torch.arange(len(units)), units].mean((1, 2))


def quality(options: argparse.Namespace) -> None:
    """The objective reached after the same number of steps, under the transforms of either."""
    network = visae.network("inceptionv1-caffe", options.weights, options.device)
    of, steps = neurons(network, LAYER), options.steps
    units = [30 * place for place in range(16)]
    theirs = torch.cat([lucent_steps(Stopped(network), unit, steps, preprocess=False) for unit in units])
    settings = Optimisation(steps, tolerance=0.0)
    ours = render(network, activation(of, units, everywhere), size=SIZE, optimisation=settings).pictures
    draws = torch.Generator().manual_seed(1)
    standard = wobble(SIZE // 11)
    lucents = transform.compose(transform.standard_transforms)
    fitted = compose([pad(SIZE), crop(SIZE)])
    kinds: dict[str, Callable[[Tensor], Tensor]] = {
        "none": lambda picture: picture,
        "visae's": lambda picture: standard(picture, draws),
        "lucent's": lambda picture: fitted(lucents(picture), draws),
    }
    print(f"{machine(network.device)}; 16 channels of {LAYER}, {SIZE} px, {steps} steps, mean of 8 draws\n")
    print("| transforms | lucent | visae | visae is higher for |\n| --- | --- | --- | --- |")
    for name, how in kinds.items():
        found = [torch.stack([scores(of, p, units, how) for _ in range(8)]).mean(0) for p in (theirs, ours)]
        higher = int((found[1] > found[0]).sum())
        print(f"| {name} | {found[0].mean():.1f} | {found[1].mean():.1f} | {higher} of 16 |")


def layer(options: argparse.Namespace) -> None:
    """A whole layer."""
    network = visae.network("inceptionv1-caffe", options.weights, options.device)
    of = neurons(network, "mixed3b_5x5")
    started = time.perf_counter()
    found = render(network, activation(of, range(96)), size=64, optimisation=Optimisation(128, tolerance=0.0))
    print(f"{machine(network.device)}; 96 channels of mixed3b_5x5, 64 px, 128 steps")
    print(f"{time.perf_counter() - started:.0f} s; median objective {found.values.median():.0f}")


def of_features(options: argparse.Namespace) -> None:
    """Whether pictures of features drive them above every position of every image."""
    sae = load(options.dictionary)
    network = visae.network(sae.about["network"], options.weights, options.device)
    of, images = features(network, sae.about["layer"], sae), open_images(options.images)
    best = strongest([of], images, 1)[0].value[:, 0]
    chosen = [number for number in range(options.first, len(of), options.every) if best[number] > 0]
    started = time.perf_counter()
    found = render(network, unit(of, chosen), optimisation=Optimisation(options.steps))
    seconds = time.perf_counter() - started
    own = reached(of, chosen, found.pictures, window(network, unit(of, chosen), None))
    ratio = own / best[chosen]
    print(f"{machine(network.device)}; {len(chosen)} of {len(of)} features, {options.steps} steps, {seconds:.0f} s")
    print(f"above every position of {len(images):,} images: {int((ratio > 1).sum())} of {len(chosen)}")
    print(
        "picture over best image, quantiles 0.05, 0.5, 0.95:", ratio.quantile(torch.tensor([0.05, 0.5, 0.95])).tolist()
    )
    print("not above:", [number for number, of_one in zip(chosen, ratio.tolist(), strict=True) if of_one <= 1])


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
    {"speed": speed, "quality": quality, "layer": layer, "features": of_features}[options.what](options)


if __name__ == "__main__":
    main()
