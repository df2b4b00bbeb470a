from collections import Counter
from itertools import combinations

import pytest
import torch

from visae._support.errors import VisaeError
from visae.papers.bag_of_words import _rings as rings
from visae.papers.bag_of_words import correlation
from visae.papers.bag_of_words._planted_text import TOPICS, planted_text
from visae.papers.bag_of_words._text import RINGS, corpus, tokens_of, vocabulary


def test_the_truth_is_a_distribution_in_which_circles_are_circles():
    truth = planted_text(60, 0)
    together = truth.together()
    assert together.sum().item() == pytest.approx(1)
    torch.testing.assert_close(together, together.T)
    first = 0
    for words in RINGS.values():
        n = len(words)
        assert truth.words[first : first + n] == words
        ring = together[first : first + n, first : first + n]
        for step in range(1, n):
            torch.testing.assert_close(ring.diagonal(step), ring[0, step].expand(n - step))
        assert (ring[0, : n // 2 + 1].diff() < 0).all()
        torch.testing.assert_close(ring[0, 1], ring[0, -1])
        first += n
    # A month knows of no weekday and no topic.
    rate = truth.chance.mean(0)
    torch.testing.assert_close(together[:12, 12:], torch.outer(rate[:12], rate[12:]))


def test_the_text_has_the_truths_co_occurrence():
    truth = planted_text(120_000, 0)
    place = {word: index for index, word in enumerate(truth.words)}
    passages = [tokens_of(passage)[:-1] for passage in truth.text.splitlines()]
    assert {len(passage) for passage in passages} == {60}
    count = Counter()
    for passage in passages:
        found = Counter(place[word] for word in passage)
        for (one, times), (other, often) in combinations(sorted(found.items()), 2):
            count[one, other] += times * often
    pairs = len(passages) * 60 * 59
    expected = truth.together()
    found = torch.zeros_like(expected)
    for (one, other), times in count.items():
        found[one, other] = times / pairs
    above = torch.ones_like(expected).triu(1).bool()
    # The spread of a rate over 2,000 passages is far below this.
    torch.testing.assert_close(found[above], expected[above], atol=3e-4, rtol=0.1)


def test_circles_and_topics_are_recovered_from_its_windows():
    tokens = tokens_of(planted_text(20_000, 0).text)
    of = corpus(tokens, vocabulary(tokens, 1000))
    together = correlation(of.train.every(1))
    for words in RINGS.values():
        places = of.places(words)
        assert rings.neighbours_kept(rings.order(rings.plane(together[places][:, places])[0])) == 1
    topics = [of.places(words) for words in TOPICS.values()]
    for one, other in combinations(topics, 2):
        assert together[one][:, one].sum() - len(one) > 0
        assert together[one][:, other].mean() < 0


def test_it_hangs_on_the_seed_alone():
    assert planted_text(600, 3).text == planted_text(600, 3).text
    assert planted_text(600, 3).text != planted_text(600, 4).text
    assert len(tokens_of(planted_text(600, 3).text)) == 610


def test_too_short_is_refused():
    with pytest.raises(VisaeError, match="59 words are no text to make; ask for at least 60"):
        planted_text(59, 0)
