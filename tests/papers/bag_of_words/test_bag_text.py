from itertools import combinations

import pytest
import torch

from visae._support.errors import VisaeError
from visae.metrics import correlation, neighbours_kept, ring_order, ring_plane
from visae.papers.bag_of_words._text import (
    PLANTED_WORDS,
    RINGS,
    TOPICS,
    planted_chances,
    planted_text,
    read_text,
    shuffle_tokens,
    text_windows,
    tokenize,
    vocabulary,
)


def test_tokens_are_words_and_marks():
    text = "In March, the sea-side isn't cold; “march” on!\nMärz 1912."
    assert tokenize(text) == [
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
def test_words_of_many_scripts(text, tokens):
    assert tokenize(text) == tokens


def test_tokenize_stops():
    assert tokenize("a b c, d", 4) == ["a", "b", "c", ","]
    assert tokenize("a b", 4) == ["a", "b"]


def test_vocabulary_is_the_most_frequent_and_the_forced_words():
    tokens = ["b", "a", "c", "a", "d", "b", "a", "May"]
    assert vocabulary(tokens, 2) == ("a", "b")
    assert vocabulary(tokens, 3) == ("a", "b", "May")
    assert vocabulary(tokens, 3, ["d", "June"]) == ("a", "b", "d")
    assert vocabulary(tokens, 100) == ("a", "b", "May", "c", "d")
    with pytest.raises(VisaeError, match="0 words"):
        vocabulary(tokens, 0)


def test_bags_are_windows_of_the_text():
    source = torch.Generator().manual_seed(0)
    tokens = [f"w{number}" for number in torch.randint(0, 30, (400,), generator=source).tolist()]
    words = vocabulary(tokens, 20)
    train, held_out = text_windows(tokens, words, window=5)
    assert (len(train), len(held_out)) == (356, 36)
    bags = train.batch(torch.tensor([0, 7, 355]))[0]
    for bag, first in zip(bags, (0, 7, 355), strict=True):
        present = set(tokens[first : first + 5])
        assert bag.tolist() == [float(word in present) for word in words]
    held = held_out.every(1)
    assert held[-1].tolist() == [float(word in tokens[-5:]) for word in words]
    torch.testing.assert_close(held_out.every(7), held[::7])


def test_shuffling_keeps_the_words():
    tokens = [str(number % 50) for number in range(2000)]
    other = shuffle_tokens(tokens, 0)
    assert sorted(other) == sorted(tokens)
    assert other != tokens
    assert shuffle_tokens(tokens, 0) == other
    assert shuffle_tokens(tokens, 1) != other


def test_bad_texts(tmp_path):
    with pytest.raises(VisaeError, match="text is empty"):
        vocabulary(tokenize(" \n "), 10)
    with pytest.raises(VisaeError, match=r"190 words, .* window of 20; .* 200"):
        text_windows(["word"] * 190, ["word"])
    assert len(text_windows(["word"] * 200, ["word"])[1]) == 1
    with pytest.raises(VisaeError, match=r"cannot read .*none.txt: No such file"):
        read_text(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes("März".encode("latin-1"))
    with pytest.raises(VisaeError, match=r"latin.txt is not UTF-8: .* byte 1"):
        read_text(tmp_path / "latin.txt")
    (tmp_path / "nulls.bin").write_bytes(bytes(400))
    with pytest.raises(VisaeError, match=r"nulls.bin .* null characters"):
        read_text(tmp_path / "nulls.bin")
    with pytest.raises(VisaeError, match=r"cannot read .*: Is a directory"):
        read_text(tmp_path)


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_accents_are_composed(tmp_path, start):
    (tmp_path / "fine.txt").write_bytes(start + "Ma\u0308rz\r\nMärz".encode())
    assert tokenize(read_text(tmp_path / "fine.txt")) == ["März", "März"]


def test_rings_are_complete():
    assert {name: len(set(words)) for name, words in RINGS.items()} == {"months": 12, "weekdays": 7}


def planted_pairs():
    """Probability that one position of a passage holds word i and another word j."""
    chance = planted_chances()
    return chance.T @ chance / len(chance)


def test_truth_has_circles():
    together = planted_pairs()
    assert together.sum().item() == pytest.approx(1)
    torch.testing.assert_close(together, together.T)
    first = 0
    for words in RINGS.values():
        n = len(words)
        assert PLANTED_WORDS[first : first + n] == words
        ring = together[first : first + n, first : first + n]
        for step in range(1, n):
            torch.testing.assert_close(ring.diagonal(step), ring[0, step].expand(n - step))
        assert (ring[0, : n // 2 + 1].diff() < 0).all()
        torch.testing.assert_close(ring[0, 1], ring[0, -1])
        first += n
    # Months are independent of weekdays and topics.
    rate = planted_chances().mean(0)
    torch.testing.assert_close(together[:12, 12:], torch.outer(rate[:12], rate[12:]))


def test_text_has_the_co_occurrence_of_the_truth():
    index = {word: position for position, word in enumerate(PLANTED_WORDS)}
    passages = [tokenize(passage)[:-1] for passage in planted_text(120_000, 0).splitlines()]
    assert {len(passage) for passage in passages} == {60}
    ids = torch.tensor([[index[word] for word in passage] for passage in passages])
    counts = torch.nn.functional.one_hot(ids, len(index)).sum(1).double()
    result = (counts.T @ counts - counts.sum(0).diag()) / (len(passages) * 60 * 59)
    expected = planted_pairs()
    above = torch.ones_like(expected).triu(1).bool()
    # The spread of a rate over 2,000 passages is far below this.
    torch.testing.assert_close(result[above], expected[above], atol=3e-4, rtol=0.1)


def test_circles_and_topics_are_recovered_from_windows():
    tokens = tokenize(planted_text(20_000, 0))
    words = vocabulary(tokens, 1000)
    together = correlation(text_windows(tokens, words)[0].every(1))
    for ring_words in RINGS.values():
        ring = [words.index(word) for word in ring_words]
        assert neighbours_kept(ring_order(ring_plane(together[ring][:, ring])[0])) == 1
    topics = [[words.index(word) for word in topic] for topic in TOPICS.values()]
    for topic, other in combinations(topics, 2):
        assert together[topic][:, topic].sum() - len(topic) > 0
        assert together[topic][:, other].mean() < 0


def test_seed_decides_the_text():
    assert planted_text(600, 3) == planted_text(600, 3)
    assert planted_text(600, 3) != planted_text(600, 4)
    assert len(tokenize(planted_text(600, 3))) == 610


def test_too_short_a_text():
    with pytest.raises(VisaeError, match=r"59 words .* 60"):
        planted_text(59, 0)
