"""Measure the colour axes of natural images, the constant in `visae.featurevis.parameterisations`, and plot them.

    python benchmarks/colours.py --images photos/ --out docs/results/colours.png

Above: the same noise in independent RGB channels and along the measured axes. Below: steps either way along each axis.
"""

import argparse
from pathlib import Path

import torch
from matplotlib.figure import Figure

from visae._support.seeds import generator
from visae.featurevis.parameterisations import RGB, ColourSpace, Fourier, measure_colours
from visae.images import open_images
from visae.plots._style import save_figure

SIZE, STEPS, STRENGTH = 128, 9, 3.0


def noise(colours: ColourSpace) -> torch.Tensor:
    fourier = Fourier(sd=1.0, colours=colours)
    (spectrum,) = fourier.initial_parameters(SIZE, generator(0, "colours"))
    return fourier.pictures([spectrum[None]], SIZE)[0]


def ramp(colours: ColourSpace, axis: int) -> torch.Tensor:
    steps = torch.zeros(1, 3, 1, STEPS)
    steps[0, axis, 0] = torch.linspace(-STRENGTH, STRENGTH, STEPS)
    return colours.to_rgb(steps)[0]


def plot(measured: ColourSpace, path: Path) -> None:
    figure = Figure(figsize=(6.4, 4.6), dpi=150, layout="constrained")
    whole = figure.add_gridspec(2, 1, height_ratios=(3, 1))
    above, below = whole[0].subgridspec(1, 2), whole[1].subgridspec(3, 1, hspace=0.1)
    for column, (title, colours) in enumerate((("independent RGB channels", RGB), ("measured axes", measured))):
        axes = figure.add_subplot(above[column])
        axes.imshow(noise(colours).permute(1, 2, 0).numpy())
        axes.set_title(f"noise, {title}", fontsize=9)
        axes.set_axis_off()
    for axis in range(3):
        axes = figure.add_subplot(below[axis])
        axes.imshow(ramp(measured, axis).permute(1, 2, 0).numpy(), aspect="auto")
        axes.set_xticks([])
        axes.set_yticks([])
        entries = ", ".join(f"{row[axis]:+.2f}" for row in measured.mix)
        axes.set_ylabel(f"axis {axis + 1}\n({entries})", rotation=0, fontsize=7, ha="right", va="center")
    save_figure(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True)
    parser.add_argument("--out", type=Path, default=Path("docs/results/colours.png"))
    options = parser.parse_args()
    measured = measure_colours(open_images(options.images))
    print(f"DECORRELATED = ColourSpace({tuple(tuple(round(value, 4) for value in row) for row in measured.mix)})")
    plot(measured, options.out)


if __name__ == "__main__":
    main()
