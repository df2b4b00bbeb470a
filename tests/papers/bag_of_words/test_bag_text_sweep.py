import sys
from dataclasses import replace

import pytest

from visae.papers.bag_of_words import BagTraining
from visae.papers.bag_of_words._text import RINGS, planted_text, tokenize, vocabulary
from visae.papers.bag_of_words._text_sweep import measure_models, read_tokens, text_data


@pytest.fixture
def brief(tiny_settings):
    return replace(tiny_settings, text=BagTraining(epochs=1))


def test_text_without_common_words(brief):
    """Each word occurs once, and so in 20 of 2,981 windows, less than an example needs."""
    tokens = [str(number) for number in range(30_000)]
    data = text_data(tokens, tokens[27_100::400], "cpu")
    for model in measure_models("text", data, 3, brief, 0):
        for member in model["members"]:
            assert member["example"]["word"] in data.words
            assert list(member["example"]["adds"]) == [member["example"]["word"]]


def test_long_text_is_cut(tmp_path, capsys, tiny_settings):
    (tmp_path / "long.txt").write_text(planted_text(3000, 0))
    tokens = read_tokens(replace(tiny_settings, words=2000), tmp_path / "long.txt", 0)
    assert tokens == tokenize(planted_text(3000, 0))[:2000]
    assert "long.txt is longer than 2,000 words" in capsys.readouterr().err
    assert len(read_tokens(tiny_settings, None, 0)) == tiny_settings.words
    assert capsys.readouterr().err == ""


def test_models_that_are_too_large_for_one_pass_are_trained_in_several(monkeypatch, brief):
    tokens = tokenize(planted_text(3000, 0))
    data = text_data(tokens, vocabulary(tokens, 50), "cpu")
    together = list(measure_models("text", data, 5, brief, 0))
    monkeypatch.setattr(sys.modules[measure_models.__module__], "_AT_ONCE", 3 * 5 * data.train.features)
    apart = list(measure_models("text", data, 5, brief, 0))
    assert [model["decay"] for model in apart] == [1.0, 4.0]
    for model, same in zip(together, apart, strict=True):
        assert len(same["members"]) == brief.few
        for member, single in zip(model["members"], same["members"], strict=True):
            assert single["residual"] == pytest.approx(member["residual"], rel=1e-4)
            assert single["agreement"] == pytest.approx(member["agreement"], abs=1e-3)


def test_ring_with_a_word_that_is_only_held_out_is_left_out():
    months = RINGS["months"]
    tokens = [*("and", "or", *months[:-1]) * 200, *[months[-1], "and"] * 20]
    words = vocabulary(tokens, 50, months)
    assert months[-1] in words
    assert text_data(tokens, words, "cpu").rings == {}
    assert "months" in text_data([*planted_text(4000, 0).split()], words, "cpu").rings
