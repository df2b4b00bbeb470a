"""The paper's claims of text beside what was found, each with the rule of its verdict."""

from collections.abc import Iterator, Mapping
from typing import Any

from visae.papers.bag_of_words._reading import Model, Verdict, models_of, over_seeds, verdict
from visae.papers.bag_of_words._text_sweep import DECAYS, main_latent
from visae.papers.bag_of_words._words import SHUFFLED, TEXT

_LOW, _HIGH = DECAYS
_ASKED = {
    "agreement": "r of W^T W with held-out correlations",
    "borrowed": "share of a word's signal that others supply",
}

_Found = Mapping[tuple[str, float], Model]


def of_text(text: Mapping[str, Any]) -> Iterator[Verdict]:
    """The verdicts of text, at one latent size."""
    latent = main_latent(text)
    found = {(model["corpus"], model["decay"]): model for model in models_of(text["models"], latent=latent)}
    for name, ring in text["rings"].items():
        yield _circle(name, ring["kept"], found, latent)
    for figure in _ASKED:
        yield _above_control(figure, found, latent)
    yield _with_decay(found, latent)


def _circle(name: str, in_data: float, found: _Found, latent: int) -> Verdict:
    count, control = (_in_order(found[corpus, _HIGH], name) for corpus in (TEXT, SHUFFLED))
    seeds = len(found[TEXT, _HIGH]["members"])
    return verdict(
        f"text: circle of {name} in order, decay {_HIGH:g}, {latent} latents",
        "in order, and not for shuffled words",
        f"{count} of {seeds} seeds; shuffled {control}; "
        f"in the data {'exact' if in_data == 1 else format(in_data, '.2f') + ' of neighbours kept'}",
        "9 of 10 or more, none shuffled",
        count >= 0.9 * seeds and not control,
    )


def _in_order(model: Model, ring: str) -> int:
    return sum(one["rings"][ring]["kept"] == 1 for one in model["members"])


def _above_control(figure: str, found: _Found, latent: int) -> Verdict:
    (mean, spread), control = (over_seeds(found[corpus, _LOW], figure) for corpus in (TEXT, SHUFFLED))
    return verdict(
        f"text: {_ASKED[figure]}, decay {_LOW:g}, {latent} latents",
        "above that of shuffled words",
        f"{mean:.3f} ± {spread:.3f}; shuffled {control[0]:.3f} ± {control[1]:.3f}",
        "by more than both spreads",
        mean - control[0] > spread + control[1],
    )


def _with_decay(found: _Found, latent: int) -> Verdict:
    (weak, spread_weak), (strong, spread_strong) = (over_seeds(found[TEXT, decay], "agreement") for decay in DECAYS)
    return verdict(
        f"text: {_ASKED['agreement']}, {latent} latents",
        "higher with weight decay",
        f"decay {_LOW:g}: {weak:.3f} ± {spread_weak:.3f}; decay {_HIGH:g}: {strong:.3f} ± {spread_strong:.3f}",
        f"decay {_HIGH:g} above {_LOW:g} by more than both spreads",
        strong - weak > spread_strong + spread_weak,
    )
