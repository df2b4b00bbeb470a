"""The verdict on a dictionary, in one line: what is wrong with it, by the figures in its file."""

from collections.abc import Iterator, Mapping
from typing import Any

# Below this share of features that help, the others are called leftovers.
LEAST_HELPING = 0.9
# The difference of explained variance that float32 leaves between a dictionary of the neurons and the neurons.
_ROUNDING = 1e-6


def shortcomings(about: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a dictionary, each with its figures, given its `about`; empty if nothing is known.

    It was stopped or has not converged; it explains less than the neurons at the same average L0 (`neurons_curve`); or
    fewer than 90 % of its features help (`helping`). What an older file does not tell is left out.
    """
    metrics = about.get("metrics", {})
    return [*_unfinished(about), *_below_neurons(metrics), *_leftovers(metrics)]


def verdict(about: Mapping[str, Any]) -> str:
    """Return the verdict on a dictionary in one line, given its `about`."""
    if wrong := shortcomings(about):
        return "not a good dictionary: " + "; ".join(wrong)
    metrics = about.get("metrics", {})
    if metrics.get("neurons_explained_variance") is None or metrics.get("helping_fraction") is None:
        return "its file does not say whether it is better than the neurons; see visae evaluate"
    return (
        f"no shortcoming: at L0 {metrics['l0']:.2f} it explains {metrics['explained_variance']:.4f}, the neurons "
        f"{metrics['neurons_explained_variance']:.4f}; {metrics['helping_fraction']:.1%} of its features help"
    )


def _unfinished(about: Mapping[str, Any]) -> Iterator[str]:
    if "stopped" in about:
        yield str(about["stopped"])
    elif about.get("converged") is False:
        yield f"not converged after {about['rows_seen']:,} rows"


def _below_neurons(metrics: Mapping[str, Any]) -> Iterator[str]:
    own, neurons = metrics.get("explained_variance"), metrics.get("neurons_explained_variance")
    if own is not None and neurons is not None and own < neurons - _ROUNDING:
        yield f"explains less than the neurons at its L0 of {metrics['l0']:.2f} ({own:.4f}, they {neurons:.4f})"


def _leftovers(metrics: Mapping[str, Any]) -> Iterator[str]:
    helping = metrics.get("helping_fraction")
    if helping is not None and helping < LEAST_HELPING:
        yield f"{1 - helping:.1%} of its features are leftovers, which do not help"
