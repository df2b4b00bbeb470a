import itertools
import weakref
from collections import Counter

import pytest
import torch

from visae._support.errors import VisaeError
from visae.networks._graph import Graph, Node

# input -> a -> b -> d -> e, and a -> c -> d; f depends on the input alone.
EDGES = {"a": ["input"], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["d"], "f": ["input"]}
ANCESTORS = {"a": "a", "b": "ab", "c": "ac", "d": "abcd", "e": "abcde", "f": "f"}
FACTORS = {"a": 2.0, "b": 3.0, "c": 5.0, "d": 7.0, "e": 11.0, "f": 13.0}
# For an input of 1: a = 2, b = 6, c = 10, d = 7 (6 + 10), e = 11 * 112, f = 13.
VALUES = {"input": 1.0, "a": 2.0, "b": 6.0, "c": 10.0, "d": 112.0, "e": 1232.0, "f": 13.0}


class Recorder:
    """Nodes that count their calls, and record which values are still alive when each of them runs."""

    def __init__(self):
        self.calls = Counter()
        self.made = {}
        self.alive = {}
        self.graph = Graph(Node(name, tuple(inputs), self.operation(name)) for name, inputs in EDGES.items())

    def operation(self, name):
        def run(*values):
            self.calls[name] += 1
            self.alive[name] = {made for made, value in self.made.items() if value() is not None}
            out = FACTORS[name] * sum(values)
            self.made[name] = weakref.ref(out)
            return out

        return run

    def run(self, wanted, replaced=None):
        return self.graph.run(torch.ones(1), wanted, replaced or {})


SUBSETS = [wanted for size in range(4) for wanted in itertools.permutations(VALUES, size)]


def test_only_ancestors_of_the_wanted_values_run():
    for wanted in SUBSETS:
        recorder = Recorder()
        values = recorder.run(wanted)
        assert {name: value.item() for name, value in values.items()} == {name: VALUES[name] for name in wanted}
        assert list(values) == list(wanted)
        needed = set().union(*(ANCESTORS.get(name, "") for name in wanted))
        assert recorder.calls == dict.fromkeys(needed, 1)


# What is alive while a node runs: its own inputs, what a later node needs, and what is wanted.
ALIVE = [
    (["e"], {"a": "", "b": "a", "c": "ab", "d": "bc", "e": "d"}),
    (["e", "b"], {"a": "", "b": "a", "c": "ab", "d": "bc", "e": "bd"}),
    (["a", "e"], {"a": "", "b": "a", "c": "ab", "d": "abc", "e": "ad"}),
    (["c"], {"a": "", "c": "a"}),
]


@pytest.mark.parametrize(("wanted", "expected"), ALIVE)
def test_values_are_freed_after_their_last_use(wanted, expected):
    recorder = Recorder()
    recorder.run(wanted)
    assert recorder.alive == {name: set(alive) for name, alive in expected.items()}


def test_a_value_wanted_twice_is_returned_once():
    assert list(Recorder().run(["b", "b"])) == ["b"]


def test_wanted_names_may_come_from_an_iterator():
    assert Recorder().run(name for name in "ab").keys() == {"a", "b"}


# d = 7 (b + c), e = 11 d; a = 2, b = 3 a, c = 5 a unless replaced.
REPLACED = [
    ({"b": lambda b: b + 1}, {"b": 7.0, "c": 10.0, "d": 119.0, "e": 1309.0}),
    ({"a": torch.zeros_like}, {"a": 0.0, "b": 0.0, "e": 0.0}),
    ({"a": lambda a: 10 * a, "d": lambda d: d - 1}, {"a": 20.0, "b": 60.0, "d": 1119.0, "e": 12309.0}),
    ({"e": lambda e: -e}, {"d": 112.0, "e": -1232.0}),
]


@pytest.mark.parametrize(("replaced", "expected"), REPLACED)
def test_all_users_of_a_replaced_value_receive_the_replacement(replaced, expected):
    recorder = Recorder()
    values = recorder.run(expected, replaced)
    assert {name: value.item() for name, value in values.items()} == expected
    assert set(recorder.calls.values()) == {1}
    assert recorder.run(["e"])["e"].item() == VALUES["e"], "replaced in that run only"


def test_replaced_values_are_freed():
    recorder = Recorder()
    recorder.run(["e"], {"b": lambda b: b + 1})
    assert recorder.alive["c"] == {"a"}


@pytest.mark.parametrize(("wanted", "unused"), [(["e"], "f"), (["b"], "c"), (["a"], "e")])
def test_replacing_an_unused_value_is_an_error(wanted, unused):
    with pytest.raises(VisaeError, match=f"replacing {unused} changes nothing: {wanted[0]} does not depend on it"):
        Recorder().run(wanted, {unused: torch.zeros_like})
