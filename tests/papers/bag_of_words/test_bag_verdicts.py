"""The verdicts of the bag of words on a report in which every claim holds, and with one number spoilt at a time."""

import pytest

from visae.papers.bag_of_words import SETTINGS
from visae.papers.bag_of_words._synthetic import distributions, synthetic_models
from visae.papers.bag_of_words._verdicts import PAPER_RATES, PAPER_RESIDUALS, PAPER_SHARES, select, verdicts

PCA = {2: 0.608, 4: 0.362, 6: 0.264}
SIZES = (2, 4, 6)


def good():
    """A report in which every claim holds."""
    return {
        "synthetic": {"data": dict(data()), "models": list(map(synthetic, synthetic_models(SETTINGS["quick"])))},
        "text": text(),
    }


def data():
    for kind in distributions():
        shares = [share / 100 for share in PAPER_SHARES.get(kind, ())]
        yield kind, {"drawn_mean": [PAPER_RATES.get(kind, 0.5)] * 12, "drawn_eigenvalue_shares": [*shares, 0.01]}


def synthetic(model):
    return {
        **model,
        "pca_residual": PCA[model["latent"]],
        "first_gram": [[0.0] * 12] * 12,
        "members": [member(model, seed) for seed in range(model["seeds"])],
    }


def member(model, seed):
    off, control = 0.01 * (-1) ** seed, model["kind"] == "independent"
    return {
        "agreement": off if control else 0.5 + model["decay"] / 20 + off,
        "borrowed": off if control else 0.5,
        "residual": PCA[model["latent"]] - 0.05 + off,
        "expected_residual": PAPER_RESIDUALS.get((model["kind"], model["latent"]), 1.0),
        "ring": {"kept": (1, 3)[seed % 2] / 12 if control else 1.0},
    }


def text():
    rings = {name: {"kept": 1.0} for name in ("months", "weekdays")}
    models = [
        {
            **{"corpus": corpus, "decay": decay, "latent": latent},
            "members": [word_member(corpus == "text", decay, seed) for seed in range(3)],
        }
        for corpus in ("text", "shuffled words")
        for latent in (8, 17)
        for decay in (1.0, 4.0)
    ]
    return {"vocabulary": 85, "rings": rings, "models": models}


def word_member(correlated, decay, seed):
    off = 0.01 * (-1) ** seed
    return {
        "agreement": (0.4 + decay / 20) * correlated + off,
        "borrowed": 0.5 * correlated + off,
        "rings": {name: {"kept": 1.0 if correlated else 0.25} for name in ("months", "weekdays")},
    }


def failed(report):
    return {verdict.claim for verdict in verdicts(report) if not verdict.holds}


def test_all_claims_hold_on_a_good_report():
    rows = verdicts(good())
    assert failed(good()) == set()
    assert len({row.claim for row in rows}) == len(rows) == 2 * 2 + 4 + 6 + 1 + 9 + 1 + 6 + 5


def in_data(kind, metric, value):
    return lambda report: report["synthetic"]["data"][kind].update({metric: value})


def in_models(change, seeds=10, **which):
    """Change the first seeds of the selected synthetic models."""

    def spoil(report):
        for model in select(report["synthetic"]["models"], **which):
            for member in model["members"][:seeds]:
                change(member)

    return spoil


def in_text(change, seeds=3, **which):
    """Change the first seeds of the selected models of text at the size that is judged."""

    def spoil(report):
        for model in select(report["text"]["models"], latent=8, **which):
            for member in model["members"][:seeds]:
                change(member)

    return spoil


def to(**metrics):
    return lambda member: member.update(metrics)


def ring(kept):
    return to(ring={"kept": kept})


def circle(name, kept):
    return lambda member: member["rings"].update({name: {"kept": kept}})


# Changes of a good report, by the claim that then fails, and no other.
SPOILT = {
    "{kind}: mean rate": [
        (in_data(kind, "drawn_mean", [rate + 0.006] * 12), {"kind": kind}) for kind, rate in PAPER_RATES.items()
    ],
    "{kind}: eigenvalue shares of the covariance, %": [
        (
            in_data(
                kind, "drawn_eigenvalue_shares", [*(share / 100 for share in shares[:-1]), shares[-1] / 100 + 0.006]
            ),
            {"kind": kind},
        )
        for kind, shares in PAPER_SHARES.items()
    ],
    "{kind}: residual of the linear model without decay, {latent} latents": [
        (
            in_models(to(expected_residual=1.021 * expected), kind=kind, output="linear", latent=latent),
            {"kind": kind, "latent": latent},
        )
        for (kind, latent), expected in PAPER_RESIDUALS.items()
    ],
    "order of the 12 on the ring exact: ReLU, decay {decay:g}, {latent} latents": [
        (
            in_models(ring(10 / 12), 2, kind="circular", output="relu", latent=latent, decay=decay),
            {"latent": latent, "decay": decay},
        )
        for latent in SIZES
        for decay in (1.0, 6.0)
    ],
    "independent features: rings in order, and neighbours kept, ReLU with decay, all 6 models": [
        (in_models(ring(1.0), 1, kind="independent", latent=2, decay=6.0), {}),
        (in_models(ring(6 / 12), 10, kind="independent", output="relu"), {}),
    ],
    "{kind}: r of W^T W with the data's correlations, ReLU, {latent} latents": [
        (
            in_models(to(agreement=0.51), kind=kind, output="relu", latent=latent, decay=6.0),
            {"kind": kind, "latent": latent},
        )
        for kind in ("circular", "figure-eight", "spherical")
        for latent in SIZES
    ],
    "independent features: r of W^T W with held-out bags' correlations, ReLU with decay": [
        (in_models(to(agreement=0.05), 6, kind="independent", output="relu"), {})
    ],
    "share of a feature's signal that other features supply, ReLU, decay 1, {latent} latents": [
        (in_models(to(borrowed=borrowed), kind=kind, output="relu", decay=1.0, latent=latent), {"latent": latent})
        for kind, borrowed in (("circular", 0.09), ("independent", 0.03), ("independent", -0.03))
        for latent in SIZES
    ],
    "circular: residual with a ReLU, no decay, {latent} latents": [
        (
            in_models(to(residual=1.001 * PCA[latent]), kind="circular", output="relu", decay=0.0, latent=latent),
            {"latent": latent},
        )
        for latent in SIZES
    ],
    "text: circle of {name} in order, decay 4, 8 latents": [
        (in_text(circle(name, kept), 1, corpus=corpus, decay=4.0), {"name": name})
        for name in ("months", "weekdays")
        for corpus, kept in (("text", 0.75), ("shuffled words", 1.0))
    ],
    "text: r of W^T W with held-out correlations, decay 1, 8 latents": [
        (in_text(to(agreement=0.45), corpus="shuffled words", decay=1.0), {})
    ],
    "text: share of a word's signal that other words supply, decay 1, 8 latents": [
        (in_text(to(borrowed=0.0), corpus="text", decay=1.0), {})
    ],
    "text: r of W^T W with held-out correlations, 8 latents": [
        (in_text(to(agreement=0.46), corpus="text", decay=4.0), {}),
    ],
}
CASES = [(spoil, claim.format(**values)) for claim, cases in SPOILT.items() for spoil, values in cases]


@pytest.mark.parametrize(("spoil", "claim"), CASES, ids=[claim for _, claim in CASES])
def test_spoilt_numbers_fail_their_own_claim(spoil, claim):
    report = good()
    spoil(report)
    assert failed(report) == {claim}


def test_every_claim_can_fail():
    assert {claim for _, claim in CASES} == {verdict.claim for verdict in verdicts(good())}


def test_one_seed_in_ten_may_be_out_of_order():
    report = good()
    in_models(ring(10 / 12), 1, kind="circular", output="relu")(report)
    assert failed(report) == set()
