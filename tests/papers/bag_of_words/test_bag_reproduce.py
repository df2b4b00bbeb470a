"""The reproduction of the bag of words at a tiny size."""

import math
import re
import statistics
from dataclasses import replace

import pytest

from visae._support.errors import VisaeError
from visae.papers.bag_of_words import SETTINGS, BagTraining, circular, reproduce
from visae.papers.bag_of_words._measures import pca_residual
from visae.papers.bag_of_words._page import bag_of_words_page, text_example
from visae.papers.bag_of_words._reproduce import SCHEMA
from visae.papers.bag_of_words._text import PLANTED_WORDS, planted_text
from visae.papers.bag_of_words._verdicts import over_seeds, select

pytestmark = pytest.mark.slow


def test_every_model_of_the_sweep_is_measured(tiny_bag):
    _, report = tiny_bag
    models = report["synthetic"]["models"]
    # Circle and control: linear twice, ReLU three times; two more shapes ReLU only; the wide circle once; two sizes.
    assert len(models) == (2 * 5 + 2 * 3 + 1) * 2
    for model in models:
        assert len(model["members"]) == 2
        assert model["pca_residual"] > 0
        for member in model["members"]:
            assert -1 <= member["agreement"] <= 1
            assert len(member["r2_sample"]) == len(member["r2_alone_sample"]) == 12
            assert member["r2"] == pytest.approx(statistics.mean(member["r2_sample"]))
            assert len(member["ring"]["points"]) == 12
        assert model["members"][0]["agreement"] != model["members"][1]["agreement"]
    for model in select(models, kind="circular"):
        assert model["pca_residual"] == pytest.approx(pca_residual(circular().covariance(), model["latent"]))
    text = report["text"]
    assert len(text["models"]) == 2 * 2 * 2
    assert text["vocabulary"] == len(PLANTED_WORDS) + 1
    assert set(text["rings"]) == {"months", "weekdays"}


def test_exact_values_are_measured(tiny_bag):
    data, models = tiny_bag[1]["synthetic"]["data"], tiny_bag[1]["synthetic"]["models"]
    assert data["circular"]["total_variance"] == pytest.approx(3.0)
    for kind in data.values():
        assert kind["drawn_eigenvalue_shares"][0] == pytest.approx(kind["eigenvalue_shares"][0], abs=0.03)
        assert kind["drawn_mean"] == pytest.approx(kind["mean"], abs=0.03)
    linear = select(models, kind="circular", output="linear", decay=0.0, latent=2)[0]
    for member in linear["members"]:
        assert member["expected_residual"] == pytest.approx(linear["pca_residual"], rel=0.02)
        assert member["residual"] == pytest.approx(member["expected_residual"], rel=0.05)


def test_correlated_features_help_each_other_and_lie_in_order(tiny_bag):
    """Independent features and shuffled words do not."""
    models, text_models = tiny_bag[1]["synthetic"]["models"], tiny_bag[1]["text"]["models"]
    circle, control = (
        select(models, kind=kind, output="relu", decay=1.0, latent=2)[0] for kind in ("circular", "independent")
    )
    assert [member["ring"]["kept"] for member in circle["members"]] == [1, 1]
    assert 1 not in [member["ring"]["kept"] for member in control["members"]]
    assert over_seeds(circle, "borrowed")[0] > 0.5
    assert abs(over_seeds(control, "borrowed")[0]) < 0.05
    text, shuffled = (select(text_models, corpus=name, decay=1.0)[0] for name in ("text", "shuffled words"))
    assert over_seeds(text, "agreement")[0] > over_seeds(shuffled, "agreement")[0] + 0.2


def test_example_consists_of_the_words_of_a_window(tiny_bag):
    for model in tiny_bag[1]["text"]["models"]:
        for member in model["members"]:
            example = member["example"]
            for adds in (example["adds"], example["on_average"]):
                assert len(adds) <= 20
                assert list(adds.values()) == sorted(adds.values(), key=abs, reverse=True)
            assert example["adds"][example["word"]] == pytest.approx(example["on_average"][example["word"]])
            total = sum(example["adds"].values()) + example["bias"]
            assert example["pre_activation"] == pytest.approx(total, abs=1e-6)


def test_claims_are_unique(tiny_bag):
    claims = [verdict["claim"] for verdict in tiny_bag[1]["verdicts"]]
    assert len(set(claims)) == len(claims) == 4 + 4 + 4 + 1 + 6 + 1 + 4 + 5


def test_files(tiny_bag):
    out, report = tiny_bag
    verdicts = report["verdicts"]
    assert report["schema"] == SCHEMA
    assert (report["settings"]["name"], report["settings"]["synthetic"]["epochs"], report["seed"]) == ("tiny", 30, 0)
    page = (out / "bag-of-words.md").read_text()
    assert page == bag_of_words_page(report)
    for name in ("arrangement", "agreement", "decay", "residual", "months", "context", "contributors"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f"({name}.png)" in page
    assert "nan" not in page
    assert "tiny, seed 0: 30 epochs of 2,000 synthetic bags, and 6 of text; 2 seeds" in page
    assert page.count("**not reproduced**") == sum(not verdict["holds"] for verdict in verdicts)
    assert f"{sum(verdict['holds'] for verdict in verdicts)} of {len(verdicts)} claims" in page
    for verdict in verdicts:
        assert f"| {verdict['claim']} " in page


def test_given_text(tmp_path, tiny_settings):
    """A text without months, after a byte order mark, with characters that Markdown and formulas could misread.

    Its other words are in a script that the font of the plots lacks.
    """
    source = planted_text(3000, 1)
    for index, word in enumerate(PLANTED_WORDS):
        source = re.sub(rf"\b{word}\b", "$|" if index < 19 else "क" + "िानोुे"[index % 6] * (1 + index // 6), source)
    (tmp_path / "book.txt").write_text(source, encoding="utf-8-sig")
    once = BagTraining(epochs=1)
    settings = replace(tiny_settings, synthetic=once, text=once, draws=500, latents=(2, 12))
    report = reproduce(tmp_path / "out", settings, tmp_path / "book.txt", seed=1)
    assert report["text"]["source"] == "book.txt"
    assert report["text"]["vocabulary"] == len(PLANTED_WORDS) - 19 + 3
    assert report["text"]["rings"] == {}
    page = (tmp_path / "out" / "bag-of-words.md").read_text(encoding="utf-8")
    assert "The text is book.txt." in page
    assert "no circle to look for" in page
    assert f"What lifts “{text_example(report['text'])['word']}”" in page
    assert "\ufeff" not in page
    assert not (tmp_path / "out" / "months.png").exists()
    assert "months.png" not in page


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" \n", "text is empty"),
        ("a word " * 50, "text has 100 words"),
        ("word " * 5000, "its 1 most frequent words 0 are .* at least 3"),
        ("one two " * 5000, "its 2 most frequent words 0 are"),
        ("a b c d e f g h " * 5000, "its 8 most frequent words 0 are"),
    ],
)
def test_bad_texts_are_refused_before_training(tmp_path, tiny_settings, text, words):
    (tmp_path / "bad.txt").write_text(text)
    with pytest.raises(VisaeError, match=words) as error:
        reproduce(tmp_path / "out", tiny_settings, tmp_path / "bad.txt")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_bad_settings(tiny_settings):
    with pytest.raises(VisaeError, match=r"few 1; .* 2 or more"):
        replace(tiny_settings, few=1)
    with pytest.raises(VisaeError, match=r"must include 0.1"):
        replace(tiny_settings, shares=(0.2,))
    with pytest.raises(VisaeError, match=r"shares are .* at most 1"):
        replace(tiny_settings, shares=(0.1, 1.5))


def test_full_settings_are_the_papers():
    full = SETTINGS["full"]
    assert full.synthetic == BagTraining(epochs=200, batch=256, lr=1e-2, final_lr=1e-9)
    assert sorted(round(share * 10_000) for share in full.shares) == [
        *(50, 75, 100, 125, 150, 200, 250, 300, 400, 600, 800, 1000, 2000, 4000, 6000, 10_000),
    ]
    assert math.isclose(SETTINGS["quick"].shares[0], 0.1)
