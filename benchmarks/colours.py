"""The colour axes of natural images, as constants for `visae.featurevis.parameterisations`, and a picture of them.

    python benchmarks/colours.py --images photos/ --out benchmarks/results/colours.png

Above: the same noise as each parameterisation turns it into colours, three channels by themselves and on the axes
measured. Below: a step either way along each of the axes.
"""

import argparse
from pathlib import Path

import torch
from matplotlib.figure import Figure

from visae._support.seeds import generator
from visae.featurevis.parameterisations import RGB, Colours, Fourier, measure_colours
from visae.images import open_images
from visae.plots._style import save_figure

SIZE, STEPS, STRENGTH = 128, 9, 3.0


def noise(colours: Colours) -> torch.Tensor:
    of = Fourier(sd=1.0, colours=colours)
    return of.pictures([part[None] for part in of.start(SIZE, generator(0, "colours"))], SIZE)[0]


def ramp(colours: Colours, axis: int) -> torch.Tensor:
    steps = torch.zeros(1, 3, 1, STEPS)
    steps[0, axis, 0] = torch.linspace(-STRENGTH, STRENGTH, STEPS)
    return colours.to_rgb(steps)[0]


def draw(measured: Colours, path: Path) -> None:
    figure = Figure(figsize=(6.4, 4.6), dpi=150, layout="constrained")
    whole = figure.add_gridspec(2, 1, height_ratios=(3, 1))
    above, below = whole[0].subgridspec(1, 2), whole[1].subgridspec(3, 1, hspace=0.1)
    for place, (title, colours) in enumerate((("each channel by itself", RGB), ("on the axes measured", measured))):
        axes = figure.add_subplot(above[place])
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
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/colours.png"))
    options = parser.parse_args()
    measured = measure_colours(open_images(options.images))
    print(f"MEASURED = Colours({tuple(tuple(round(value, 4) for value in row) for row in measured.mix)})")
    draw(measured, options.out)


if __name__ == "__main__":
    main()
