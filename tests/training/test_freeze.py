"""Nulls: dictionaries of which a part is as it was drawn at random, while the rest is trained."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from interruptions import Interrupted, interrupt_at_step
from stores import TWELVE_STEPS, file_contents

from visae._support.errors import VisaeError
from visae._support.seeds import generator
from visae.sae import (
    MOD,
    Archetypal,
    BatchTopK,
    Block,
    Gated,
    HierarchicalTopK,
    JumpReLU,
    MatchingPursuit,
    Matryoshka,
    Online,
    ReLU,
    TopK,
    Unrolled,
    kinds,
    load,
    make_config,
)
from visae.sae._algebra import hold_near
from visae.sae._config import TrainedConfig
from visae.training import SAESpec, train_many
from visae.training._batches import Batches

WIDTH = 16
CONFIGS = [
    ReLU(WIDTH, l1=0.2),
    Gated(WIDTH, l1=0.2),
    JumpReLU(WIDTH, l0=0.1),
    TopK(WIDTH, k=2),
    BatchTopK(WIDTH, k=2),
    Matryoshka(WIDTH, k=2),
    HierarchicalTopK(WIDTH, k=2),
    MatchingPursuit(WIDTH, k=2),
    Archetypal(WIDTH, k=2),
    Block(WIDTH, size=2, blocks=1),
    Unrolled(WIDTH, k=2, candidates=3),
    MOD(WIDTH, k=2),
    Online(WIDTH, k=2),
]
SPECS = {
    f"{config.kind}-{part}": SAESpec(replace(config, freeze=part), 3)
    for config in CONFIGS
    for part in ("none", *config.freezable)
}
# Long enough a step to leave the cone around the start.
TRAINING = replace(TWELVE_STEPS, lr=0.3, warmup=0.0)


def started(rows, name):
    """Return an SAE as it is before the first step."""
    sae = SPECS[name].config.build(rows.dim, generator(3, "directions"))
    sae.fit_scale(rows.mean, rows.variance)
    sae.initialise(sae.standardise(Batches(rows, TRAINING).sample()))
    return sae


@pytest.fixture(scope="module")
def trained(rows, tmp_path_factory):
    """The folder of a sweep of every kind with every part frozen, trained in one pass."""
    folder = tmp_path_factory.mktemp("frozen")
    train_many(rows, SPECS, folder, TRAINING, "cpu")
    return folder


def cosines(sae, other):
    return F.cosine_similarity(sae.decoder.detach(), other.decoder.detach(), dim=1)


def test_every_trained_kind_is_tested():
    assert {type(config) for config in CONFIGS} == {
        config for config in kinds().values() if issubclass(config, TrainedConfig)
    }


@pytest.mark.parametrize("name", [name for name in SPECS if name.endswith(("-decoder", "-encoder"))])
def test_what_is_frozen_is_as_drawn_to_the_bit_and_the_rest_is_trained(rows, trained, name):
    sae, start, free = load(trained / name), started(rows, name), load(trained / f"{SPECS[name].config.kind}-none")
    frozen = sae.config.freezable[sae.config.freeze]
    for parameter, tensor in sae.named_parameters():
        at_start = start.get_parameter(parameter)
        stays = parameter in frozen or torch.equal(free.get_parameter(parameter), at_start)
        assert torch.equal(tensor, at_start) == stays, parameter
    assert not torch.equal(free.decoder, start.decoder)


@pytest.mark.parametrize("name", [name for name in SPECS if name.endswith("soft-decoder")])
def test_a_soft_frozen_decoder_moves_but_stays_near_its_start(rows, trained, name):
    near = cosines(load(trained / name), started(rows, name))
    assert near.min() >= 0.8 - 1e-5
    assert (near < 0.8 + 1e-5).any()
    free = name.replace("soft-decoder", "none")
    assert cosines(load(trained / free), started(rows, free)).min() < 0.8


def test_a_sweep_with_frozen_parts_is_resumed_to_the_same_bits(rows, tmp_path, monkeypatch):
    specs = {name: spec for name, spec in SPECS.items() if name.startswith(("topk", "relu"))}
    train_many(rows, specs, tmp_path / "whole", TWELVE_STEPS, "cpu")
    with monkeypatch.context() as patch:
        interrupt_at_step(patch, 7 * len(specs) + 2)
        with pytest.raises(Interrupted):
            train_many(rows, specs, tmp_path / "resumed", TWELVE_STEPS, "cpu")
    train_many(rows, specs, tmp_path / "resumed", TWELVE_STEPS, "cpu")
    assert file_contents(tmp_path / "resumed") == file_contents(tmp_path / "whole")


def test_members_with_the_same_part_frozen_train_in_a_stack_as_alone(rows, tmp_path):
    specs = {str(k): SAESpec(TopK(WIDTH, k=k, freeze="decoder"), k) for k in (1, 3)}
    saes = train_many(rows, specs, tmp_path / "sweep", TWELVE_STEPS, "cpu")
    alone = train_many(rows, {"3": specs["3"]}, tmp_path / "alone", TWELVE_STEPS, "cpu")["3"]
    assert torch.equal(saes["3"].decoder, alone.decoder)
    torch.testing.assert_close(saes["3"].encoder, alone.encoder, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "freeze", "message"),
    [
        ("topk", "decodr", "freeze is 'decodr'; for a topk SAE it must be one of none, decoder, encoder, soft-decoder"),
        ("mp", "encoder", "for a mp SAE it must be one of none, decoder, soft-decoder"),
        ("block", "soft-decoder", "for a block SAE it must be one of none, decoder$"),
        ("pca", "decoder", "a pca SAE has no setting freeze"),
    ],
)
def test_what_cannot_be_frozen_is_refused(kind, freeze, message):
    with pytest.raises(VisaeError, match=message):
        make_config(kind, {"freeze": freeze})


def test_the_start_of_a_soft_frozen_decoder_is_in_its_file(rows, trained):
    sae = load(trained / "topk-soft-decoder")
    assert sae.config.freeze == "soft-decoder"
    torch.testing.assert_close(sae.start, started(rows, "topk-soft-decoder").decoder.detach())


def test_rows_are_turned_back_to_the_cone_around_their_start():
    start = torch.eye(3, dtype=torch.float64)[:1].expand(4, 3)
    directions = torch.tensor([[2.0, 0, 0], [4, 3, 0], [0, 0, 5], [-3, 0, 4]], dtype=torch.float64)
    hold_near(directions, start, 0.8)
    expected = [[2, 0, 0], [4, 3, 0], [4, 0, 3], [4, 0, 3]]
    torch.testing.assert_close(directions, torch.tensor(expected, dtype=torch.float64))
