"""How much the reproduction of the Persian rug weaves and trains."""

from dataclasses import dataclass

from visae._support.errors import VisaeError
from visae.papers.persian_rug._checks import expect_density, expect_ratio
from visae.papers.persian_rug._hadamard import expect_power_of_two
from visae.papers.persian_rug._theory import finite_size
from visae.papers.persian_rug._training import Training

# Where one of the two is fixed: the point that the authors' notebook shows, for so many features.
RATIO, DENSITY, NOTEBOOK = 0.25, 0.045, 512
# Within what woven loss and formula are to agree, relatively.
NEAR = 0.03


@dataclass(frozen=True)
class Setting:
    """What is woven and trained, at `RATIO` and `DENSITY` where nothing else is said.

    name:       what the page calls it.
    n:          features of the models whose loss is shown against density and against ratio.
    densities:  p there.
    ratios:     r there.
    sizes:      n of the models whose symmetry is measured; the largest is shown, and shuffled.
    seeds:      of each trained model, and of the rugs that are compared with these.
    woven:      n of the rugs that are compared with the theory.
    table:      ratios and densities there, each with each.
    sparse:     n and p of rugs for the scaling at high sparsity: the sparser, the larger they must be.
    values:     outputs, features times samples, on which a rug is fitted, and of others on which it is measured.
    tied:       how models are trained.
    apart:      how models are trained that start apart; those of `sizes` only.
    """

    name: str
    n: int
    densities: tuple[float, ...]
    ratios: tuple[float, ...]
    sizes: tuple[int, ...]
    seeds: int
    woven: tuple[int, ...]
    table: tuple[tuple[float, ...], tuple[float, ...]]
    sparse: tuple[tuple[int, float], ...]
    values: int
    tied: Training
    apart: Training

    def __post_init__(self) -> None:
        """Raise `VisaeError` for what cannot be woven, trained or fitted, before anything is."""
        for p in (*self.densities, *self.table[1], *(p for _, p in self.sparse)):
            expect_density(p)
        for ratio in (*self.ratios, *self.table[0]):
            expect_ratio(ratio)
        for n in (self.n, *self.sizes, *self.woven, *(n for n, _ in self.sparse)):
            expect_power_of_two(n)
        if len({p for n, p in self.sparse if large_enough(n, RATIO, p)}) < 2:
            raise VisaeError(f"sparse is {self.sparse}; n must be large enough for the formula at two of its p or more")


def large_enough(n: int, ratio: float, p: float) -> bool:
    """Whether the formula holds for a rug: what finite n adds to its loss, to first order, is within `NEAR`."""
    return abs(finite_size(n, ratio, p)) <= NEAR


# A minute or two on two cores.
QUICK = Setting(
    name="quick",
    n=128,
    densities=(0.01, 0.02, 0.045, 0.1, 0.3, 0.6, 0.9),
    ratios=(0.1, 0.25, 0.5, 0.8),
    sizes=(32, 64, 128, 256),
    seeds=2,
    woven=(512, 2048),
    table=((0.1, 0.25, 0.5), (0.001, 0.01, 0.045, 0.1, 0.3)),
    sparse=((1 << 18, 0.001), (1 << 17, 0.002), (1 << 16, 0.005), (1 << 15, 0.01)),
    values=1 << 20,
    tied=Training(steps=600, lr=0.1),
    apart=Training(steps=600, lr=0.02, start="apart"),
)

# For a GPU. By the time of its single steps it would take two cores about twenty hours, sixteen of them for the sweeps
# over p and r. In single stages it held up to 6 GB.
FULL = Setting(
    name="full",
    n=512,
    densities=(0.005, 0.01, 0.02, 0.03, 0.045, 0.07, 0.1, 0.15, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0),
    ratios=(0.05, 0.1, 0.25, 0.4, 0.5, 0.65, 0.8, 0.9),
    sizes=(32, 64, 128, 256, 512, 1024),
    seeds=5,
    woven=(128, 512, 2048, 8192),
    table=((0.1, 0.25, 0.5), (0.001, 0.005, 0.01, 0.02, 0.045, 0.1, 0.3)),
    sparse=(
        (1 << 20, 0.0003),
        (1 << 19, 0.0005),
        (1 << 18, 0.001),
        (1 << 17, 0.002),
        (1 << 16, 0.005),
        (1 << 15, 0.01),
    ),
    values=1 << 24,
    tied=Training(steps=20_000, batch=1024, lr=0.1, held_out=32_768),
    apart=Training(steps=45_000, batch=1024, lr=0.02, held_out=32_768, start="apart"),
)
