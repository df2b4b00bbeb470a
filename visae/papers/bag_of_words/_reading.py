"""What a report says: which models, their figures over seeds, and verdicts."""

from collections.abc import Mapping, Sequence
from typing import Any

from visae.papers.bag_of_words._measures import mean_and_spread
from visae.papers.bag_of_words._text_sweep import main_latent
from visae.papers.bag_of_words._words import TEXT

SHOWN = (2, 4, 6)  # latent sizes of synthetic models of which more than the ring is said

Verdict = dict[str, Any]
Model = Mapping[str, Any]


def models_of(models: Sequence[Model], **which: Any) -> list[Model]:
    """The models with these values, in the order of the sweep."""
    return [model for model in models if all(model[key] == value for key, value in which.items())]


def over_seeds(model: Model, figure: str) -> tuple[float, float]:
    """Mean and spread of a figure of a model."""
    return mean_and_spread(one[figure] for one in model["members"])


def exact_rings(model: Model) -> int:
    """How many seeds of a synthetic model have their ring in order."""
    return sum(one["ring"]["kept"] == 1 for one in model["members"])


def verdict(what: str, expected: str, ours: str, rule: str, met: bool) -> Verdict:
    """What is asked, what is expected, what was found, the rule, and whether it is met."""
    return {"what": what, "expected": expected, "ours": ours, "rule": rule, "met": bool(met)}


def cell(model: Model, figure: str) -> str:
    """Mean and spread of a figure as a cell of a table."""
    average, spread = over_seeds(model, figure)
    return f"{average:.3f} ± {spread:.3f}"


def mean(values: Sequence[float]) -> float:
    """Their mean."""
    return sum(values) / len(values)


def middle(models: Sequence[Model]) -> int:
    """Four latents, or the nearest size that there is."""
    latents: set[int] = {model["latent"] for model in models}
    return min(latents, key=lambda latent: abs(latent - 4))


def example_of(text: Mapping[str, Any]) -> Mapping[str, Any]:
    """The word whose pre-activation is taken apart: in the first model of the text that figures are drawn of."""
    example: Mapping[str, Any] = models_of(text["models"], corpus=TEXT, latent=main_latent(text))[0]["members"][0][
        "example"
    ]
    return example
