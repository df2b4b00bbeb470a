"""Curve detectors that count: those that fire in photographs, help, and are found again under another seed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float, Int64
from torch import Tensor

from visae._support import files
from visae.metrics import Quality, matched_cosines, quality
from visae.sae import SAE
from visae.tuning import Curves, in_gap

# The cosine at which a direction of another seed is the same one.
FOUND_AGAIN = 0.9


@dataclass(frozen=True, eq=False)
class Detectors:
    """The `n` curve detectors among the features of a dictionary, and which tests they pass.

    units:       their numbers among the features.
    orientation: preferred orientations, degrees.   in_gaps: 15 degrees or more from every curve neuron.
    fires: on any of the held-out rows, which are positions of photographs.   helps: the error is larger without it.
    again: another seed has a direction with a cosine of 0.9 or more, one to one; None if there is no other seed.
    """

    units: Int64[Tensor, " n"]
    orientation: Float[Tensor, " n"]
    in_gaps: Bool[Tensor, " n"]
    fires: Bool[Tensor, " n"]
    helps: Bool[Tensor, " n"]
    again: Bool[Tensor, " n"] | None

    @property
    def confirmed(self) -> Bool[Tensor, " n"] | None:
        """Which pass all tests, wherever they lie; None if one is unknown."""
        return None if self.again is None else self.fires & self.helps & self.again

    def counts(self) -> dict[str, int | None]:
        """How many there are, lie in gaps, pass each test and all, and do both."""
        confirmed = self.confirmed
        return {
            "count": len(self.orientation),
            "in_gaps": int(self.in_gaps.sum()),
            "fire": int(self.fires.sum()),
            "help": int(self.helps.sum()),
            "found_again": None if self.again is None else int(self.again.sum()),
            "confirmed": None if confirmed is None else int(confirmed.sum()),
            "confirmed_in_gaps": None if confirmed is None else int((confirmed & self.in_gaps).sum()),
        }


def detectors(curves: Curves, neurons: Curves, measured: Quality, again: Bool[Tensor, " m"] | None) -> Detectors:
    """Test the curve detectors among the features of a dictionary.

    curves, neurons: the sweeps of its features and of the layer's neurons.
    measured:        the features' quality on held-out rows.
    again:           which features another seed has, of all m.
    """
    units = curves.detectors.nonzero().flatten()
    orientation = curves.preferred[units]
    in_gaps = in_gap(orientation, neurons.preferred[neurons.detectors])
    return detectors_at(units, orientation, in_gaps, measured, again)


def detectors_at(
    units: Int64[Tensor, " n"],
    orientation: Float[Tensor, " n"],
    in_gaps: Bool[Tensor, " n"],
    measured: Quality,
    again: Bool[Tensor, " m"] | None,
) -> Detectors:
    """Test curve detectors that are known by their numbers; arguments as in `Detectors` and `detectors`."""
    return Detectors(
        units,
        orientation,
        in_gaps,
        measured.firing.density[units] > 0,
        measured.helping.helps[units],
        None if again is None else again[units],
    )


def detectors_of_seeds(
    saes: Sequence[SAE], swept: Sequence[Curves], neurons: Curves, batches: Iterable[Float[Tensor, "_ d"]]
) -> list[dict[str, Any]]:
    """Describe the curve detectors of dictionaries that differ in their seeds: counts, largest gap, EV and L0 of each.

    batches: held-out rows. Each dictionary is compared with one other: the first with the second, the others with the
    first.
    """
    batches = list(batches)
    described = []
    for sae, curves, again in zip(saes, swept, found_again(saes), strict=True):
        counts = detectors(curves, neurons, quality(sae, batches), again).counts()
        described.append({**counts, "max_gap_deg": curves.max_gap, **_fit(sae.about["metrics"])})
    return described


def found_again(saes: Sequence[SAE]) -> list[Bool[Tensor, " m"] | None]:
    """Return which features of each dictionary its partner has, one to one, with a cosine of 0.9 or more.

    The first's partner is the second, that of the others the first; None for a dictionary without a partner.
    """
    if len(saes) < 2:
        return [None] * len(saes)
    first = saes[0].directions.cpu()
    pairs = [matched_cosines([first, other.directions.cpu()], other.block_size).cosines[:, 0] for other in saes[1:]]
    return [pairs[0][0] >= FOUND_AGAIN, *(pair[1] >= FOUND_AGAIN for pair in pairs)]


def _fit(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return files.without_nan({name: metrics[name] for name in ("explained_variance", "l0")})
