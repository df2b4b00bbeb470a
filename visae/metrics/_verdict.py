"""The verdict on a dictionary, in one line: what is wrong with it, by the figures in its file."""

from collections.abc import Iterator, Mapping
from typing import Any

from visae.sae import FixedDirections, Neurons, PursuitSAE, RandomDirections, Unrolled, kinds

# Below this share of features that help, the others are called leftovers.
LEAST_HELPING = 0.9
_NOT_LEARNED = (FixedDirections.kind, RandomDirections.kind, Neurons.kind)
# The difference of explained variance that float32 leaves between a dictionary of the neurons and the neurons.
_ROUNDING = 1e-6


def shortcomings(about: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a dictionary, each with its figures, given its `about`; empty if nothing is known.

    It did not learn, or only a part of it; it was stopped or has not converged; it explains less than the neurons at
    the same average L0 (`neurons_curve`); or fewer than 90 % of its features help (`helping`). What an older file does
    not tell is left out.
    """
    metrics = about.get("metrics", {})
    return [*_unlearned(about), *_unfinished(about), *_below_neurons(metrics), *_leftovers(metrics)]


def verdict(about: Mapping[str, Any]) -> str:
    """Return the verdict on a dictionary in one line, given its `about`."""
    if wrong := shortcomings(about):
        return "not a good dictionary: " + "; ".join(wrong)
    metrics = about.get("metrics", {})
    if metrics.get("neurons_explained_variance") is None or metrics.get("helping_fraction") is None:
        return "its file does not say whether it is better than the neurons; see visae evaluate"
    # Features whose values come from least squares help by construction.
    helping = "" if _is_pursued(about) else f"; {metrics['helping_fraction']:.1%} of its features help"
    return (
        f"no shortcoming: at L0 {metrics['l0']:.2f} it explains {metrics['explained_variance']:.4f}, the neurons "
        f"{metrics['neurons_explained_variance']:.4f}{helping}"
    )


def _is_pursued(about: Mapping[str, Any]) -> bool:
    config = kinds().get(about.get("settings", {}).get("kind", ""))
    return config is not None and issubclass(config.sae, PursuitSAE)


def _unlearned(about: Mapping[str, Any]) -> Iterator[str]:
    settings = about.get("settings", {})
    if settings.get("kind") in _NOT_LEARNED and "refined" not in settings:
        yield "its directions were not learned"
    frozen = settings.get("config", {}).get("freeze", "none")
    if frozen != "none" and settings.get("kind") != Unrolled.kind:
        yield f"its {frozen} was frozen"


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
