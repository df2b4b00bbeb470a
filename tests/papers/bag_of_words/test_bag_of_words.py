import json
import math
import re
import statistics
import sys
from dataclasses import replace

import pytest

from visae._support.errors import VisaeError
from visae.papers.bag_of_words import Fitting
from visae.papers.bag_of_words._linear import pca_residual
from visae.papers.bag_of_words._page import bag_of_words_page
from visae.papers.bag_of_words._planted_text import planted_text
from visae.papers.bag_of_words._reading import example_of, models_of, over_seeds
from visae.papers.bag_of_words._reproduce import SCHEMA, bag_of_words
from visae.papers.bag_of_words._setting import FULL, MAIN, QUICK, Setting
from visae.papers.bag_of_words._synthetic import circular
from visae.papers.bag_of_words._text import RINGS, tokens_of, vocabulary
from visae.papers.bag_of_words._text_sweep import _models
from visae.papers.bag_of_words._words import tokens_to_read, words_of

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


SMALL = replace(TINY, synthetic=Fitting(epochs=1), text=Fitting(epochs=1), draws=500)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("bag")
    return out, bag_of_words(out, TINY)


def test_every_model_of_the_sweep_is_measured(made):
    _, report = made
    models = report["synthetic"]["models"]
    # Circle and control: linear twice, ReLU three times; two more shapes ReLU only; the wide circle once; two sizes.
    assert len(models) == (2 * 5 + 2 * 3 + 1) * 2
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


def test_the_example_is_made_of_the_words_of_a_window(made):
    for model in made[1]["text"]["models"]:
        for one in model["members"]:
            example = one["example"]
            for adds in (example["adds"], example["on_average"]):
                assert len(adds) <= 20
                assert list(adds.values()) == sorted(adds.values(), key=abs, reverse=True)
            assert example["adds"][example["word"]] == pytest.approx(example["on_average"][example["word"]])
            total = sum(example["adds"].values()) + example["bias"]
            assert example["pre_activation"] == pytest.approx(total, abs=1e-6)


def test_each_verdict_stands_once(made):
    whats = [verdict["what"] for verdict in made[1]["verdicts"]]
    assert len(set(whats)) == len(whats) == 4 + 4 + 4 + 1 + 6 + 1 + 4 + 5


def test_files_are_left(made):
    out, report = made
    assert json.loads((out / "bag-of-words.json").read_text()) == json.loads(json.dumps(report))
    assert report["schema"] == SCHEMA
    assert (report["setting"]["name"], report["setting"]["synthetic"]["epochs"], report["seed"]) == ("tiny", 30, 0)
    page = (out / "bag-of-words.md").read_text()
    assert page == bag_of_words_page(report)
    for name in ("arrangement", "agreement", "decay", "residual", "months", "context", "contributors"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f"({name}.png)" in page
    assert "nan" not in page
    assert "Setting tiny, seed 0: 30 epochs of 2,000 synthetic bags, and 6 of text; 2 seeds" in page
    assert page.count("**not met**") == sum(not verdict["met"] for verdict in report["verdicts"])
    assert f"{sum(verdict['met'] for verdict in report['verdicts'])} of {len(report['verdicts'])} rules are met" in page
    for verdict in report["verdicts"]:
        assert f"| {verdict['what']} " in page


def test_a_text_of_the_users(tmp_path):
    """One without months, after a byte order mark, with marks that Markdown and formulas would take for their own.

    Its other words are of a script that the font of the figures does not have.
    """
    source = planted_text(3000, 1).text
    for place, word in enumerate(planted_text(60, 0).words):
        source = re.sub(rf"\b{word}\b", "$|" if place < 19 else "क" + "िानोुे"[place % 6] * (1 + place // 6), source)
    (tmp_path / "book.txt").write_text(source, encoding="utf-8-sig")
    report = bag_of_words(tmp_path / "out", replace(SMALL, latents=(2, 12)), tmp_path / "book.txt", seed=1)
    assert report["text"]["source"] == "book.txt"
    assert report["text"]["vocabulary"] == len(planted_text(60, 0).words) - 19 + 3
    assert report["text"]["rings"] == {}
    page = (tmp_path / "out" / "bag-of-words.md").read_text(encoding="utf-8")
    assert "The text is book.txt." in page
    assert "no circle to look for" in page
    assert f"What lifts “{example_of(report['text'])['word']}”" in page
    assert "\ufeff" not in page
    assert not (tmp_path / "out" / "months.png").exists()
    assert "months.png" not in page


def test_a_text_of_which_no_word_is_common():
    """Each stands once, and so is in 20 of 2,981 windows, less than the example is asked to be in."""
    tokens = [str(number) for number in range(30_000)]
    words = words_of(tokens, tokens[27_100::400], "cpu")
    for model in _models("text", words, 3, SMALL, 0):
        for one in model["members"]:
            assert one["example"]["word"] in words.corpus.words
            assert list(one["example"]["adds"]) == [one["example"]["word"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" \n", "the text is empty"),
        ("a word " * 50, "the text has 100 words"),
        ("word " * 5000, "of its 1 most frequent words 0 are in some windows .* and 3 or more must be"),
        ("one two " * 5000, "of its 2 most frequent words 0 are"),
        ("a b c d e f g h " * 5000, "of its 8 most frequent words 0 are"),
    ],
)
def test_bad_texts_are_refused_before_anything_is_trained(tmp_path, text, words):
    (tmp_path / "bad.txt").write_text(text)
    with pytest.raises(VisaeError, match=words) as error:
        bag_of_words(tmp_path / "out", TINY, tmp_path / "bad.txt")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_of_a_long_text_as_much_is_read_as_the_setting_says(tmp_path, capsys):
    (tmp_path / "long.txt").write_text(planted_text(3000, 0).text)
    tokens = tokens_to_read(replace(TINY, words=2000), tmp_path / "long.txt", 0)
    assert tokens == tokens_of(planted_text(3000, 0).text)[:2000]
    assert capsys.readouterr().err == "long.txt is longer than 2,000 words; the first are read: setting tiny\n"
    assert len(tokens_to_read(TINY, None, 0)) == TINY.words
    assert capsys.readouterr().err == ""


def test_models_that_are_too_large_for_one_pass_are_trained_in_several(monkeypatch):
    words = words_of(*_tokens_and_names(), "cpu")
    together = list(_models("text", words, 5, SMALL, 0))
    monkeypatch.setattr(sys.modules[_models.__module__], "_AT_ONCE", 3 * 5 * words.corpus.train.features)
    apart = list(_models("text", words, 5, SMALL, 0))
    assert [model["decay"] for model in apart] == [1.0, 4.0]
    for one, other in zip(together, apart, strict=True):
        assert len(other["members"]) == SMALL.few
        for figures, same in zip(one["members"], other["members"], strict=True):
            assert same["residual"] == pytest.approx(figures["residual"], rel=1e-4)
            assert same["agreement"] == pytest.approx(figures["agreement"], abs=1e-3)


def _tokens_and_names():
    tokens = tokens_of(planted_text(3000, 0).text)
    return tokens, vocabulary(tokens, 50)


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
    assert words_of(tokens, names, "cpu").rings == {}
    assert "months" in words_of([*planted_text(4000, 0).text.split()], names, "cpu").rings
