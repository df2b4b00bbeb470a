"""The three numbers of the model: features n, the ratio r of the bottleneck's width to them, and their density p."""

from visae._support.errors import VisaeError


def expect_density(p: float) -> None:
    """Raise `VisaeError` unless p, the share of inputs in which a feature is active, lies in (0, 1]."""
    if not 0 < p <= 1:
        raise VisaeError(f"p is {p:g}; it is the share of inputs in which a feature is active, above 0 and up to 1")


def expect_ratio(ratio: float) -> None:
    """Raise `VisaeError` unless the ratio of bottleneck to features lies in (0, 1)."""
    if not 0 < ratio < 1:
        raise VisaeError(f"ratio is {ratio:g}; it is the bottleneck's width over the features, above 0 and below 1")


def bottleneck(n: int, ratio: float) -> int:
    """The width d of the bottleneck nearest to `ratio` n, from 1 to n - 1.

    Raises `VisaeError` for a ratio outside (0, 1) or fewer than two features.
    """
    expect_ratio(ratio)
    if n < 2:
        raise VisaeError(f"{n} features cannot be squeezed through a bottleneck; take 2 or more")
    return min(max(round(ratio * n), 1), n - 1)
