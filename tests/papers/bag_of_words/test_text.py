import pytest
import torch

from visae._support.errors import VisaeError
from visae.papers.bag_of_words._text import MONTHS, WEEKDAYS, corpus, read_text, shuffled, tokens_of, vocabulary


def test_tokens_are_words_as_written_and_marks():
    text = "In March, the sea-side isn't cold; “march” on!\nMärz 1912."
    assert tokens_of(text) == [
        *("In", "March", ",", "the", "sea-side", "isn't", "cold", ";"),
        *("“", "march", "”", "on", "!", "März", "1912", "."),
    ]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("_word_ foo--bar", ["_", "word", "_", "foo", "-", "-", "bar"]),
        ("l\u2019été aujourd'hui 'quoted'", ["l\u2019été", "aujourd'hui", "'", "quoted", "'"]),
        ("Привет, мир! ёлка", ["Привет", ",", "мир", "!", "ёлка"]),
        ("ελληνικά γλώσσα·", ["ελληνικά", "γλώσσα", "·"]),
        # Signs on letters, and joiners inside words, which are no letters of their own.
        ("हिन्दी भाषा।", ["हिन्दी", "भाषा", "।"]),
        ("שָׁלוֹם עולם", ["שָׁלוֹם", "עולם"]),
        ("\u0645\u06cc\u200c\u062e\u0648\u0631\u0645", ["\u0645\u06cc\u200c\u062e\u0648\u0631\u0645"]),
        ("e\u0301te\u0301 x", ["e\u0301te\u0301", "x"]),
        ("中文 没有空格。", ["中文", "没有空格", "。"]),
        ("one\r\ntwo\tthree\u00a0four", ["one", "two", "three", "four"]),
        ("", []),
    ],
)
def test_words_of_many_scripts_are_whole(text, tokens):
    assert tokens_of(text) == tokens


def test_of_a_long_text_no_more_is_read_than_asked():
    assert tokens_of("a b c, d", 4) == ["a", "b", "c", ","]
    assert tokens_of("a b", 4) == ["a", "b"]


def test_the_vocabulary_is_the_most_frequent_words_and_those_forced():
    tokens = ["b", "a", "c", "a", "d", "b", "a", "May"]
    assert vocabulary(tokens, 2) == ("a", "b")
    assert vocabulary(tokens, 3) == ("a", "b", "May")
    assert vocabulary(tokens, 3, ["d", "June"]) == ("a", "b", "d")
    assert vocabulary(tokens, 100) == ("a", "b", "May", "c", "d")
    with pytest.raises(VisaeError, match="the vocabulary is of 0 words"):
        vocabulary(tokens, 0)


def test_bags_are_the_windows_of_the_text():
    source = torch.Generator().manual_seed(0)
    tokens = [f"w{number}" for number in torch.randint(0, 30, (400,), generator=source).tolist()]
    words = vocabulary(tokens, 20)
    of = corpus(tokens, words, window=5)
    assert (len(of.train), len(of.held_out)) == (356, 36)
    bags = of.train.batch(torch.tensor([0, 7, 355]))[0]
    for bag, first in zip(bags, (0, 7, 355), strict=True):
        there = set(tokens[first : first + 5])
        assert bag.tolist() == [float(word in there) for word in words]
    held = of.held_out.every(1)
    assert held[-1].tolist() == [float(word in tokens[-5:]) for word in words]
    torch.testing.assert_close(of.held_out.every(7), held[::7])
    assert of.places(["w3", "nothing", words[0]]) == [words.index("w3"), 0]


def test_shuffling_keeps_the_words_only():
    tokens = [str(number % 50) for number in range(2000)]
    other = shuffled(tokens, 0)
    assert sorted(other) == sorted(tokens)
    assert other != tokens
    assert shuffled(tokens, 0) == other
    assert shuffled(tokens, 1) != other


def test_bad_texts_are_one_line(tmp_path):
    with pytest.raises(VisaeError, match="the text is empty"):
        vocabulary(tokens_of(" \n "), 10)
    with pytest.raises(VisaeError, match=r"the text has 190 words, .* no window of 20; give at least 200"):
        corpus(["word"] * 190, ["word"])
    assert len(corpus(["word"] * 200, ["word"]).held_out) == 1
    with pytest.raises(VisaeError, match=r"cannot read .*none.txt: No such file"):
        read_text(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes("März".encode("latin-1"))
    with pytest.raises(VisaeError, match=r"latin.txt is not UTF-8: .* at byte 1; convert it first"):
        read_text(tmp_path / "latin.txt")
    (tmp_path / "nulls.bin").write_bytes(bytes(400))
    with pytest.raises(VisaeError, match=r"nulls.bin is no text: it holds null characters; give a file of plain text"):
        read_text(tmp_path / "nulls.bin")
    with pytest.raises(VisaeError, match=r"cannot read .*: Is a directory"):
        read_text(tmp_path)


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_a_text_is_read_with_its_accents_composed(tmp_path, start):
    (tmp_path / "fine.txt").write_bytes(start + "Ma\u0308rz\r\nMärz".encode())
    assert tokens_of(read_text(tmp_path / "fine.txt")) == ["März", "März"]


def test_the_rings_are_whole():
    assert (len(set(MONTHS)), len(set(WEEKDAYS))) == (12, 7)
