import json
import math
import statistics
from dataclasses import replace

import pytest

from visae.errors import VisaeError
from visae.reproduce.bag_of_words import FULL, QUICK, SCHEMA, Setting, bag_of_words
from visae.reproduce.bag_of_words.page import bag_of_words_page
from visae.reproduce.bag_of_words.setting import MAIN
from visae.reproduce.bag_of_words.text import _words
from visae.reproduce.bag_of_words.verdicts import models_of, over_seeds, verdicts
from visae.toys.bag_of_words import Fitting
from visae.toys.bag_of_words.linear import pca_residual
from visae.toys.bag_of_words.planted_text import planted_text
from visae.toys.bag_of_words.synthetic import circular
from visae.toys.bag_of_words.text import RINGS, vocabulary

TINY = Setting(
    name="tiny",
    latents=(2, 4),
    seeds=2,
    few=2,
    draws=2000,
    synthetic=Fitting(epochs=30, batch=200, lr=2e-2),
    shares=(MAIN, 0.2),
    vocabulary=1000,
    words=8000,
    text=Fitting(epochs=6, batch=256, lr=1e-2),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("bag")
    return out, bag_of_words(out, TINY)


def test_every_model_of_the_sweep_is_measured(made):
    _, report = made
    models = report["synthetic"]["models"]
    # Circle and control: linear twice, ReLU three times; two more shapes ReLU twice; the wide circle once; two sizes.
    assert len(models) == (2 * 5 + 2 * 2 + 1) * 2
    for model in models:
        assert len(model["members"]) == 2
        assert model["pca_residual"] > 0
        for one in model["members"]:
            assert -1 <= one["agreement"] <= 1
            assert len(one["r2_of_some"]) == len(one["r2_alone_of_some"]) == 12
            assert one["r2"] == pytest.approx(statistics.mean(one["r2_of_some"]))
            assert len(one["ring"]["points"]) == 12
        assert model["members"][0]["agreement"] != model["members"][1]["agreement"]
    for model in models_of(models, kind="circular"):
        assert model["pca_residual"] == pytest.approx(pca_residual(circular().covariance(), model["latent"]))
    text = report["text"]
    assert len(text["models"]) == 2 * 2 * 2
    assert text["vocabulary"] == len(planted_text(8000, 0).words) + 1
    assert set(text["rings"]) == {"months", "weekdays"}


def test_what_is_exact_is_found(made):
    data = made[1]["synthetic"]["data"]
    assert data["circular"]["total_variance"] == pytest.approx(3.0)
    for kind in data.values():
        assert kind["drawn_eigenvalue_shares"][0] == pytest.approx(kind["eigenvalue_shares"][0], abs=0.03)
        assert kind["drawn_mean"] == pytest.approx(kind["mean"], abs=0.03)
    models = made[1]["synthetic"]["models"]
    linear = models_of(models, kind="circular", output="linear", decay=0.0, latent=2)[0]
    for one in linear["members"]:
        assert one["expected_residual"] == pytest.approx(linear["pca_residual"], rel=0.02)
        assert one["residual"] == pytest.approx(one["expected_residual"], rel=0.05)


def test_the_claim_shows_in_small(made):
    """Correlated features help each other and lie in order; independent ones and shuffled words do not."""
    _, report = made
    models = report["synthetic"]["models"]
    circle, control = (
        models_of(models, kind=kind, output="relu", decay=1.0, latent=2)[0] for kind in ("circular", "independent")
    )
    assert [one["ring"]["kept"] for one in circle["members"]] == [1, 1]
    assert 1 not in [one["ring"]["kept"] for one in control["members"]]
    assert over_seeds(circle, "borrowed")[0] > 0.5
    assert abs(over_seeds(control, "borrowed")[0]) < 0.05
    text, shuffled = (
        models_of(report["text"]["models"], corpus=name, decay=1.0)[0] for name in ("text", "shuffled words")
    )
    assert over_seeds(text, "agreement")[0] > over_seeds(shuffled, "agreement")[0] + 0.2


def test_the_example_is_made_of_its_largest_contributors(made):
    for model in made[1]["text"]["models"]:
        example = model["example"]
        for adds in (example["adds"], example["on_average"]):
            assert len(adds) <= 12
            assert list(adds.values()) == sorted(adds.values(), key=abs, reverse=True)
        assert example["adds"][example["word"]] == pytest.approx(example["on_average"][example["word"]])
        # At most 8 of a window's 20 words are not shown, and none of them adds more than the last that is.
        rest = example["pre_activation"] - example["bias"] - sum(example["adds"].values())
        assert abs(rest) <= 8 * abs(list(example["adds"].values())[-1]) + 1e-6


def test_verdicts_follow_the_numbers(made):
    _, report = made
    assert len({verdict["what"] for verdict in report["verdicts"]}) == len(report["verdicts"])
    rings = [verdict for verdict in report["verdicts"] if verdict["what"].startswith("order of the 12")]
    assert len(rings) == 4
    broken = json.loads(json.dumps(report))
    for model in broken["synthetic"]["models"]:
        for one in model["members"]:
            one["ring"]["kept"] = 0.5
            one["expected_residual"] = one["residual"] = 9.0
            one["agreement"] = one["borrowed"] = 0.5
    for kind in broken["synthetic"]["data"].values():
        kind["drawn_mean"], kind["drawn_eigenvalue_shares"] = [0.9] * 12, [1 / 12] * 12
    for model in broken["text"]["models"]:
        for one in model["members"]:
            one["agreement"] = one["borrowed"] = 0.1
            for ring in one["rings"].values():
                ring["kept"] = 0.2
    assert not any(verdict["met"] for verdict in verdicts(broken))


def test_files_are_left(made):
    out, report = made
    assert json.loads((out / "bag-of-words.json").read_text()) == json.loads(json.dumps(report))
    assert report["schema"] == SCHEMA
    page = (out / "bag-of-words.md").read_text()
    assert page == bag_of_words_page(report)
    for name in ("arrangement", "agreement", "residual", "months", "context", "contributors"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f"({name}.png)" in page
    assert "nan" not in page
    assert f"{sum(verdict['met'] for verdict in report['verdicts'])} of {len(report['verdicts'])} rules are met" in page
    for verdict in report["verdicts"]:
        assert f"| {verdict['what']} " in page


def test_a_text_of_the_users(tmp_path):
    """One without months, with marks that Markdown and formulas would take for their own."""
    source = planted_text(3000, 1).text
    for month in planted_text(60, 0).words[:19]:
        source = source.replace(month, "$|")
    (tmp_path / "book.txt").write_text(source)
    small = replace(TINY, latents=(2, 12), synthetic=Fitting(epochs=1), text=Fitting(epochs=1), draws=500)
    report = bag_of_words(tmp_path / "out", small, tmp_path / "book.txt", seed=1)
    assert report["text"]["source"] == "book.txt"
    assert report["text"]["rings"] == {}
    page = (tmp_path / "out" / "bag-of-words.md").read_text()
    assert "The text is book.txt." in page
    assert "no circle to look for" in page
    assert not (tmp_path / "out" / "months.png").exists()
    assert "months.png" not in page


def test_bad_texts_are_refused_before_anything_is_trained(tmp_path):
    (tmp_path / "empty.txt").write_text(" \n")
    with pytest.raises(VisaeError, match="the text is empty"):
        bag_of_words(tmp_path / "out", TINY, tmp_path / "empty.txt")
    (tmp_path / "short.txt").write_text("a word " * 50)
    with pytest.raises(VisaeError, match="the text has 100 words"):
        bag_of_words(tmp_path / "out", TINY, tmp_path / "short.txt")
    assert not (tmp_path / "out").exists()


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(VisaeError, match="a spread needs 2 or more"):
        replace(TINY, few=1)
    with pytest.raises(VisaeError, match=r"0.1 is among them"):
        replace(TINY, shares=(0.2,))
    with pytest.raises(VisaeError, match=r"the shares are .*; they are above 0, at most 1"):
        replace(TINY, shares=(0.1, 1.5))


def test_the_full_setting_is_the_papers():
    assert FULL.synthetic == Fitting(epochs=200, batch=256, lr=1e-2, least=1e-9)
    assert sorted(round(share * 10_000) for share in FULL.shares) == [
        *(50, 75, 100, 125, 150, 200, 250, 300, 400, 600, 800, 1000, 2000, 4000, 6000, 10_000),
    ]
    assert math.isclose(QUICK.shares[0], MAIN)


def test_a_ring_of_which_a_word_is_only_held_out_is_left_out():
    months = RINGS["months"]
    tokens = [*("and", "or", *months[:-1]) * 200, *[months[-1], "and"] * 20]
    names = vocabulary(tokens, 50, months)
    assert months[-1] in names
    assert _words(tokens, names, "cpu").rings == {}
    assert list(_words([*months, "and", "or"] * 200, names, "cpu").rings) in ([], ["months"])
    assert "months" in _words([*planted_text(4000, 0).text.split()], names, "cpu").rings
