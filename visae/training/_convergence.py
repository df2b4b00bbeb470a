"""Convergence: the loss on held-out rows in the course of training, and whether it has stopped falling."""

from collections.abc import Sequence

from visae.training._group import Terms

# Measurements before which training has not converged, whatever they say.
_FEWEST = 10
# The share of the measurements, the last ones, over which the loss must fall to be called falling, and by how much.
_WINDOW = 0.25
_LEAST_FALL = 0.01

# Of each measurement: `rows_seen`, and the terms of the loss.
Curve = list[dict[str, float]]


def measurement(terms: Terms, member: int, rows_seen: int) -> dict[str, float]:
    """Return one point of the curve of a member of a stack."""
    return {"rows_seen": rows_seen, **{name: values[member].item() for name, values in terms.items()}}


def losses(curve: Curve) -> list[float]:
    """Return the loss of each measurement: the sum of its terms."""
    return [sum(value for name, value in point.items() if name != "rows_seen") for point in curve]


def has_stopped_falling(values: Sequence[float]) -> bool:
    """Return whether the least of the last quarter of the losses is less than 1 % below the least before.

    False for fewer than ten. The quarter grows with the run: a loss that falls as a power of the rows seen is not
    taken for one that has stopped.
    """
    if len(values) < _FEWEST:
        return False
    before = len(values) - round(_WINDOW * len(values))
    return min(values[before:]) > (1 - _LEAST_FALL) * min(values[:before])
