"""What the reproduction of the Persian rug builds and trains."""

from dataclasses import dataclass

from visae._support.errors import VisaeError
from visae.papers.persian_rug._engineered import expect_power_of_two
from visae.papers.persian_rug._model import RugTraining
from visae.papers.persian_rug._theory import expect_density, expect_ratio, finite_size
from visae.papers.report import SettingsName

# The point of the authors' notebook; each sweep over one of the first two fixes the other.
RATIO, DENSITY, NOTEBOOK_N = 0.25, 0.045, 512
# Relative tolerance within which engineered loss and formula should agree.
TOLERANCE = 0.03
RUGS = 6  # averaged if n is small, where they differ
ACTIVE = 2**14  # active features in all outputs of a sparse rug, in total
INPUTS = 8192  # samples on which noise and shuffles are measured


@dataclass(frozen=True)
class RugSettings:
    """What is built and trained; at `RATIO` and `DENSITY` unless stated otherwise.

    n:                 features of the models whose loss is plotted against density and ratio.
    densities:         p of these models.
    ratios:            r of these models.
    sizes:             n of the models whose symmetry is measured; the largest is drawn and shuffled.
    seeds:             number of seeds of each trained model, and of the rugs compared with them.
    engineered_sizes:  n of the rugs compared with the theory.
    table_ratios:      r of these rugs, each combined with each density.
    table_densities:   p of these rugs.
    sparse:            n and p of rugs for the scaling at high sparsity: the sparser, the larger they must be.
    values:            outputs (features times samples) on which a rug is fitted; it is measured on equally many others.
    tied:              training of models that start tied.
    apart:             training of models that start apart; those of `sizes` only.
    """

    name: str
    n: int
    densities: tuple[float, ...]
    ratios: tuple[float, ...]
    sizes: tuple[int, ...]
    seeds: int
    engineered_sizes: tuple[int, ...]
    table_ratios: tuple[float, ...]
    table_densities: tuple[float, ...]
    sparse: tuple[tuple[int, float], ...]
    values: int
    tied: RugTraining
    apart: RugTraining

    def __post_init__(self) -> None:
        for p in (*self.densities, *self.table_densities, *(p for _, p in self.sparse)):
            expect_density(p)
        for ratio in (*self.ratios, *self.table_ratios):
            expect_ratio(ratio)
        for n in (self.n, *self.sizes, *self.engineered_sizes, *(n for n, _ in self.sparse)):
            expect_power_of_two(n)
        if len({p for n, p in self.sparse if large_enough(n, RATIO, p)}) < 2:
            raise VisaeError(f"sparse is {self.sparse}; n must be large enough for the formula at two of its p or more")


def large_enough(n: int, ratio: float, p: float) -> bool:
    """Whether the formula holds for a rug: its first-order correction for finite n is within `TOLERANCE`."""
    return abs(finite_size(n, ratio, p)) <= TOLERANCE


# Quick takes a minute or two on two cores. Full is for a GPU: judging by the time per step, it would take two cores
# about twenty hours, sixteen of them for the sweeps over p and r. Its stages used up to 6 GB.
SETTINGS: dict[SettingsName, RugSettings] = {
    "quick": RugSettings(
        name="quick",
        n=128,
        densities=(0.01, 0.02, 0.045, 0.1, 0.3, 0.6, 0.9),
        ratios=(0.1, 0.25, 0.5, 0.8),
        sizes=(32, 64, 128, 256),
        seeds=2,
        engineered_sizes=(512, 2048),
        table_ratios=(0.1, 0.25, 0.5),
        table_densities=(0.001, 0.01, 0.045, 0.1, 0.3),
        sparse=((2**18, 0.001), (2**17, 0.002), (2**16, 0.005), (2**15, 0.01)),
        values=2**20,
        tied=RugTraining(steps=600, lr=0.1),
        apart=RugTraining(steps=600, lr=0.02, start="apart"),
    ),
    "full": RugSettings(
        name="full",
        n=512,
        densities=(0.005, 0.01, 0.02, 0.03, 0.045, 0.07, 0.1, 0.15, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0),
        ratios=(0.05, 0.1, 0.25, 0.4, 0.5, 0.65, 0.8, 0.9),
        sizes=(32, 64, 128, 256, 512, 1024),
        seeds=5,
        engineered_sizes=(128, 512, 2048, 8192),
        table_ratios=(0.1, 0.25, 0.5),
        table_densities=(0.001, 0.005, 0.01, 0.02, 0.045, 0.1, 0.3),
        sparse=((2**20, 0.0003), (2**19, 0.0005), (2**18, 0.001), (2**17, 0.002), (2**16, 0.005), (2**15, 0.01)),
        values=2**24,
        tied=RugTraining(steps=20_000, batch=1024, lr=0.1, held_out=32_768),
        apart=RugTraining(steps=45_000, batch=1024, lr=0.02, held_out=32_768, start="apart"),
    ),
}
