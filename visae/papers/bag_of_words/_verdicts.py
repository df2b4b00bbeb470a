"""The paper's numbers and claims beside ours, each with its rule; and helpers to read a report's metrics."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import sqrt
from statistics import fmean
from typing import Any

from visae.metrics import neighbours_by_chance, order_by_chance
from visae.papers.bag_of_words._settings import DECAYS, SHUFFLED, TEXT, TEXT_DECAYS
from visae.papers.bag_of_words._synthetic import CIRCULAR, INDEPENDENT, SHAPES, WIDE
from visae.papers.bag_of_words._text_sweep import main_latent
from visae.papers.report import Verdict, mean_and_spread, plus_minus

PAPER_SHARES = {CIRCULAR: (39.9, 39.9, 4.1, 4.1, 1.6, 1.6), WIDE: (32.6, 32.6, 5.8, 5.8)}  # %, of the total variance
PAPER_RATES = {CIRCULAR: 0.5, WIDE: 0.357}
PAPER_RESIDUALS = {(CIRCULAR, 2): 0.608, (CIRCULAR, 4): 0.362, (WIDE, 2): 0.961, (WIDE, 4): 0.644}

_DETAILED = (2, 4, 6)  # latent sizes of synthetic models judged on more than their ring
_LOW, _HIGH = TEXT_DECAYS
_TEXT_METRICS = {
    "agreement": "r of W^T W with held-out correlations",
    "borrowed": "share of a word's signal that other words supply",
}

Model = Mapping[str, Any]


def select(models: Sequence[Model], **values: Any) -> list[Model]:
    """The models with these values, in the order of the sweep."""
    return [model for model in models if all(model[key] == value for key, value in values.items())]


def over_seeds(model: Model, metric: str) -> tuple[float, float]:
    """Mean and standard deviation of a model's metric over seeds."""
    return mean_and_spread(member[metric] for member in model["members"])


def exact_rings(model: Model) -> int:
    """Number of seeds of a synthetic model whose ring is in order."""
    return sum(member["ring"]["kept"] == 1 for member in model["members"])


def detailed_latents(models: Sequence[Model]) -> list[int]:
    """The latent sizes to which most rules apply; rules about rings apply to all."""
    return [latent for latent in _DETAILED if select(models, latent=latent)]


def verdicts(report: Mapping[str, Any]) -> list[Verdict]:
    """Judge every claim of the paper on a report."""
    models = report["synthetic"]["models"]
    return [
        *_data(report["synthetic"]["data"]),
        *_linear(models),
        *_rings(models),
        *_arrangement(models),
        *_interference(models),
        *_text(report["text"]),
    ]


def _data(data: Mapping[str, Any]) -> Iterator[Verdict]:
    for kind, shares in PAPER_SHARES.items():
        rate, expected = fmean(data[kind]["drawn_mean"]), PAPER_RATES[kind]
        rule = "within 0.005"
        yield Verdict(f"{kind}: mean rate", f"{expected:g}", f"{rate:.4f}", rule, abs(rate - expected) <= 0.005)
        drawn = [100 * share for share in data[kind]["drawn_eigenvalue_shares"][: len(shares)]]
        yield Verdict(
            f"{kind}: eigenvalue shares of the covariance, %",
            ", ".join(f"{share:.1f}" for share in shares),
            ", ".join(f"{share:.1f}" for share in drawn),
            "each within 0.5, over the bags of all seeds",
            all(abs(ours - paper) <= 0.5 for ours, paper in zip(drawn, shares, strict=True)),
        )


def _linear(models: Sequence[Model]) -> Iterator[Verdict]:
    for (kind, latent), expected in PAPER_RESIDUALS.items():
        for model in select(models, kind=kind, output="linear", decay=0.0, latent=latent):
            mean, spread = over_seeds(model, "expected_residual")
            yield Verdict(
                f"{kind}: residual of the linear model without decay, {latent} latents",
                f"{expected:g}",
                plus_minus(mean, spread, ".4f"),
                "within 2 %",
                abs(mean / expected - 1) <= 0.02,
            )


def _rings(models: Sequence[Model]) -> Iterator[Verdict]:
    for decay in reversed(DECAYS):
        for model in select(models, kind=CIRCULAR, output="relu", decay=decay):
            count, seeds = exact_rings(model), len(model["members"])
            yield Verdict(
                f"order of the 12 on the ring exact: ReLU, decay {decay:g}, {model['latent']} latents",
                "9 of 10 seeds",
                f"{count} of {seeds} seeds",
                "9 of 10 or more",
                count >= 0.9 * seeds,
            )
    control = _control_models(models)
    features = len(control[0]["first_gram"])
    mean, error = _mean_and_error([[member["ring"]["kept"] for member in model["members"]] for model in control])
    exact, by_chance = sum(map(exact_rings, control)), neighbours_by_chance(features)
    rings = sum(len(model["members"]) for model in control)
    yield Verdict(
        f"independent features: rings in order, and neighbours kept, ReLU with decay, all {len(control)} models",
        f"{order_by_chance(features):.0e} of rings; {by_chance:.3f} of neighbours",
        f"{exact} of {rings} rings; {plus_minus(mean, error)} of neighbours",
        "no ring, neighbours within 3 standard errors of chance",
        not exact and abs(mean - by_chance) <= 3 * error,
    )


def _arrangement(models: Sequence[Model]) -> Iterator[Verdict]:
    """Whether W^T W follows the correlations of the data, and more so with decay."""
    for kind, latent in product(SHAPES, detailed_latents(models)):
        by_decay = {
            model["decay"]: over_seeds(model, "agreement")
            for model in select(models, kind=kind, output="relu", latent=latent)
        }
        (without, spread_without), (most, spread_most) = by_decay[0.0], by_decay[DECAYS[-1]]
        yield Verdict(
            f"{kind}: r of W^T W with the data's correlations, ReLU, {latent} latents",
            "higher with weight decay",
            "; ".join(f"decay {decay:g}: {plus_minus(*r)}" for decay, r in sorted(by_decay.items())),
            f"decay {DECAYS[-1]:g} above 0 by more than both spreads",
            most - without > spread_without + spread_most,
        )
    control = [[member["agreement"] for member in model["members"]] for model in _control_models(models)]
    mean, error = _mean_and_error(control)
    yield Verdict(
        "independent features: r of W^T W with held-out bags' correlations, ReLU with decay",
        "0",
        plus_minus(mean, error),
        "within 3 standard errors",
        abs(mean) <= 3 * error,
    )


def _interference(models: Sequence[Model]) -> Iterator[Verdict]:
    """Whether interference helps where features are correlated, and what the ReLU adds."""
    for latent in detailed_latents(models):
        sharing = select(models, output="relu", decay=DECAYS[0], latent=latent)
        shares = {kind: over_seeds(select(sharing, kind=kind)[0], "borrowed") for kind in (CIRCULAR, INDEPENDENT)}
        yield Verdict(
            f"share of a feature's signal that other features supply, ReLU, decay {DECAYS[0]:g}, {latent} latents",
            "above 0 for circular, 0 for independent features",
            "; ".join(f"{kind} {plus_minus(*share)}" for kind, share in shares.items()),
            "above 0.1; within 0.02 of 0",
            shares[CIRCULAR][0] > 0.1 and abs(shares[INDEPENDENT][0]) <= 0.02,
        )
        relu = select(models, kind=CIRCULAR, output="relu", decay=0.0, latent=latent)[0]
        mean, spread = over_seeds(relu, "residual")
        yield Verdict(
            f"circular: residual with a ReLU, no decay, {latent} latents",
            f"below the best linear one, {relu['pca_residual']:.3f}",
            plus_minus(mean, spread),
            "below by more than the spread",
            mean + spread < relu["pca_residual"],
        )


def _text(text: Mapping[str, Any]) -> Iterator[Verdict]:
    """The verdicts on text, at one latent size."""
    latent = main_latent(text)
    models = {(model["corpus"], model["decay"]): model for model in select(text["models"], latent=latent)}
    for name, ring in text["rings"].items():
        members = (models[corpus, _HIGH]["members"] for corpus in (TEXT, SHUFFLED))
        kept, shuffled = ([member["rings"][name]["kept"] for member in rows] for rows in members)
        in_data = "exact" if ring["kept"] == 1 else f"{ring['kept']:.2f} of neighbours kept"
        yield Verdict(
            f"text: circle of {name} in order, decay {_HIGH:g}, {latent} latents",
            "in order, and not for shuffled words",
            f"{kept.count(1)} of {len(kept)} seeds; shuffled {shuffled.count(1)}; in the data {in_data}",
            "9 of 10 or more, none shuffled",
            kept.count(1) >= 0.9 * len(kept) and 1 not in shuffled,
        )
    for metric, label in _TEXT_METRICS.items():
        ours, control = (over_seeds(models[corpus, _LOW], metric) for corpus in (TEXT, SHUFFLED))
        yield Verdict(
            f"text: {label}, decay {_LOW:g}, {latent} latents",
            "above that of shuffled words",
            f"{plus_minus(*ours)}; shuffled {plus_minus(*control)}",
            "by more than both spreads",
            ours[0] - control[0] > ours[1] + control[1],
        )
    low, high = (over_seeds(models[TEXT, decay], "agreement") for decay in TEXT_DECAYS)
    yield Verdict(
        f"text: {_TEXT_METRICS['agreement']}, {latent} latents",
        "higher with weight decay",
        f"decay {_LOW:g}: {plus_minus(*low)}; decay {_HIGH:g}: {plus_minus(*high)}",
        f"decay {_HIGH:g} above {_LOW:g} by more than both spreads",
        high[0] - low[0] > high[1] + low[1],
    )


def _control_models(models: Sequence[Model]) -> list[Model]:
    """The models of independent features to which the rules apply."""
    return [model for model in select(models, kind=INDEPENDENT, output="relu") if model["decay"] in DECAYS]


def _mean_and_error(by_model: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The mean over models and their seeds, and its standard error.

    Models of one seed start alike and see the same bags: only seeds are independent of each other.
    """
    seeds = [fmean(values) for values in zip(*by_model, strict=True)]
    mean, spread = mean_and_spread(seeds)
    return mean, spread / sqrt(len(seeds))
