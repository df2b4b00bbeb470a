import itertools

import pytest
import torch

from visae._support.seeds import generator

STREAMS = [(0, "order", 0), (0, "order", 1), (1, "order", 0), (0, "holdout"), (0,), (0, "positions", 10), (-1, "x")]


def draw(*stream):
    return torch.rand(64, generator=generator(*stream))


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_does_not_depend_on_other_random_numbers(stream):
    first = draw(*stream)
    torch.manual_seed(7)
    torch.rand(100)
    assert torch.equal(draw(*stream), first)


def test_streams_of_different_seeds_and_purposes_differ():
    for first, second in itertools.combinations(STREAMS, 2):
        assert not torch.equal(draw(*first), draw(*second)), (first, second)


def test_the_global_generator_is_not_used():
    before = torch.get_rng_state()
    draw(0, "anything")
    assert torch.equal(torch.get_rng_state(), before)


def test_streams_are_the_same_in_every_version():
    assert torch.randint(1000, (4,), generator=generator(0, "order", 3)).tolist() == [283, 617, 634, 602]
