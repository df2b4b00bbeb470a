"""The paper's numbers and claims beside ours, each with the rule of its verdict."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import sqrt
from typing import Any

from visae.papers.bag_of_words._measures import mean_and_spread
from visae.papers.bag_of_words._reading import SHOWN, Model, Verdict, exact_rings, models_of, over_seeds, verdict
from visae.papers.bag_of_words._rings import chance_of_order, neighbours_by_chance
from visae.papers.bag_of_words._synthetic_sweep import CIRCULAR, DECAYS, INDEPENDENT, SHAPES, WIDE
from visae.papers.bag_of_words._text_verdicts import of_text

_SHARES = {CIRCULAR: (39.9, 39.9, 4.1, 4.1, 1.6, 1.6), WIDE: (32.6, 32.6, 5.8, 5.8)}  # %, of the total variance
_RATES = {CIRCULAR: 0.5, WIDE: 0.357}
_RESIDUALS = {(CIRCULAR, 2): 0.608, (CIRCULAR, 4): 0.362, (WIDE, 2): 0.961, (WIDE, 4): 0.644}


def verdicts(report: Mapping[str, Any]) -> list[Verdict]:
    """Each with what is asked, what is expected, what was found, the rule, and whether it is met."""
    synthetic = report["synthetic"]
    return [
        *_data(synthetic["data"]),
        *_linear(synthetic["models"]),
        *_rings(synthetic["models"]),
        *_arrangement(synthetic["models"]),
        *_interference(synthetic["models"]),
        *of_text(report["text"]),
    ]


def _data(data: Mapping[str, Any]) -> Iterator[Verdict]:
    for kind, shares in _SHARES.items():
        found, rate = data[kind], data[kind]["drawn_mean"]
        mean = sum(rate) / len(rate)
        expected = _RATES[kind]
        yield verdict(
            f"{kind}: mean rate", f"{expected:g}", f"{mean:.4f}", "within 0.005", abs(mean - expected) <= 0.005
        )
        drawn = [100 * share for share in found["drawn_eigenvalue_shares"][: len(shares)]]
        yield verdict(
            f"{kind}: eigenvalue shares of the covariance, %",
            ", ".join(f"{share:.1f}" for share in shares),
            ", ".join(f"{share:.1f}" for share in drawn),
            "each within 0.5, over the bags of all seeds",
            all(abs(one - other) <= 0.5 for one, other in zip(drawn, shares, strict=True)),
        )


def _linear(models: Sequence[Model]) -> Iterator[Verdict]:
    for (kind, latent), expected in _RESIDUALS.items():
        for model in models_of(models, kind=kind, output="linear", decay=0.0, latent=latent):
            mean, spread = over_seeds(model, "expected_residual")
            yield verdict(
                f"{kind}: residual of the linear model without decay, {latent} latents",
                f"{expected:g}",
                f"{mean:.4f} ± {spread:.4f}",
                "within 2 %",
                abs(mean / expected - 1) <= 0.02,
            )


def _rings(models: Sequence[Model]) -> Iterator[Verdict]:
    for decay in reversed(DECAYS):
        for model in models_of(models, kind=CIRCULAR, output="relu", decay=decay):
            count, seeds = exact_rings(model), len(model["members"])
            yield verdict(
                f"order of the 12 on the ring exact: ReLU, decay {decay:g}, {model['latent']} latents",
                "9 of 10 seeds",
                f"{count} of {seeds} seeds",
                "9 of 10 or more",
                count >= 0.9 * seeds,
            )
    yield _control(_independent(models))


def _control(models: Sequence[Model]) -> Verdict:
    """Independent features: none in order, and neighbours as by chance."""
    features = len(models[0]["first_gram"])
    mean, error = _mean_and_error([[one["ring"]["kept"] for one in model["members"]] for model in models])
    exact, by_chance = sum(map(exact_rings, models)), neighbours_by_chance(features)
    return verdict(
        f"independent features: rings in order, and neighbours kept, ReLU with decay, all {len(models)} models",
        f"{chance_of_order(features):.0e} of rings; {by_chance:.3f} of neighbours",
        f"{exact} of {sum(len(model['members']) for model in models)} rings; {mean:.3f} ± {error:.3f} of neighbours",
        "no ring, neighbours within 3 standard errors of chance",
        not exact and abs(mean - by_chance) <= 3 * error,
    )


def _arrangement(models: Sequence[Model]) -> Iterator[Verdict]:
    """Whether W^T W follows the correlations of the data, and more so with decay."""
    for kind, latent in product(SHAPES, _shown(models)):
        found = {
            model["decay"]: over_seeds(model, "agreement")
            for model in models_of(models, kind=kind, output="relu", latent=latent)
        }
        (without, spread_without), (most, spread_most) = found[0.0], found[DECAYS[-1]]
        yield verdict(
            f"{kind}: r of W^T W with the data's correlations, ReLU, {latent} latents",
            "higher with weight decay",
            "; ".join(f"decay {decay:g}: {mean:.3f} ± {spread:.3f}" for decay, (mean, spread) in sorted(found.items())),
            f"decay {DECAYS[-1]:g} above 0 by more than both spreads",
            most - without > spread_without + spread_most,
        )
    mean, error = _mean_and_error([[one["agreement"] for one in model["members"]] for model in _independent(models)])
    yield verdict(
        "independent features: r of W^T W with held-out bags' correlations, ReLU with decay",
        "0",
        f"{mean:.3f} ± {error:.3f}",
        "within 3 standard errors",
        abs(mean) <= 3 * error,
    )


def _interference(models: Sequence[Model]) -> Iterator[Verdict]:
    """Whether interference helps where features are correlated, and what the ReLU adds."""
    for latent in _shown(models):
        of = {
            kind: models_of(models, kind=kind, output="relu", decay=DECAYS[0], latent=latent)[0]
            for kind in (CIRCULAR, INDEPENDENT)
        }
        shares = {kind: over_seeds(model, "borrowed") for kind, model in of.items()}
        yield verdict(
            f"share of a feature's signal that others supply, ReLU, decay {DECAYS[0]:g}, {latent} latents",
            "above 0 for circular, 0 for independent features",
            "; ".join(f"{kind} {mean:.3f} ± {spread:.3f}" for kind, (mean, spread) in shares.items()),
            "above 0.1; within 0.02 of 0",
            shares[CIRCULAR][0] > 0.1 and abs(shares[INDEPENDENT][0]) <= 0.02,
        )
        relu = models_of(models, kind=CIRCULAR, output="relu", decay=0.0, latent=latent)[0]
        mean, spread = over_seeds(relu, "residual")
        yield verdict(
            f"circular: residual with a ReLU, no decay, {latent} latents",
            f"below the best linear one, {relu['pca_residual']:.3f}",
            f"{mean:.3f} ± {spread:.3f}",
            "below by more than the spread",
            mean + spread < relu["pca_residual"],
        )


def _shown(models: Sequence[Model]) -> list[int]:
    """The latent sizes that most rules are about; those of rings are about all."""
    return [latent for latent in SHOWN if models_of(models, latent=latent)]


def _independent(models: Sequence[Model]) -> list[Model]:
    """The models of the control that the rules are about."""
    return [model for model in models_of(models, kind=INDEPENDENT, output="relu") if model["decay"] in DECAYS]


def _mean_and_error(of_models: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The mean over models and their seeds, and its standard error.

    Models of one seed start alike and see the same bags: only seeds are independent of each other.
    """
    seeds = [sum(figures) / len(figures) for figures in zip(*of_models, strict=True)]
    mean, spread = mean_and_spread(seeds)
    return mean, spread / sqrt(len(seeds))
