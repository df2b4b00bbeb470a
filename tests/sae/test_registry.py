from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
import torch
from small_saes import CONFIGS, kind

from visae._support.errors import VisaeError
from visae.sae import (
    ICA,
    PCA,
    SAE,
    Archetypal,
    BatchTopK,
    Block,
    Gated,
    JumpReLU,
    Matryoshka,
    Neurons,
    RandomDirections,
    ReLU,
    SAEConfig,
    TopK,
    kinds,
    make_config,
)
from visae.sae._registry import setting_names

NAMES = {
    "relu": (ReLU, "width l1"),
    "gated": (Gated, "width l1"),
    "topk": (TopK, "width k aux_k aux_weight dead_after origin"),
    "batchtopk": (BatchTopK, "width k aux_k aux_weight dead_after origin"),
    "jumprelu": (JumpReLU, "width l0 target bandwidth threshold"),
    "matryoshka": (Matryoshka, "width k aux_k aux_weight dead_after origin levels"),
    "archetypal": (Archetypal, "width k aux_k aux_weight dead_after origin centroids delta"),
    "block": (Block, "width size blocks"),
    "pca": (PCA, "width k"),
    "ica": (ICA, "width k"),
    "random": (RandomDirections, "width k"),
    "neurons": (Neurons, "width k"),
}
GOOD = [
    *((name, {}, made()) for name, (made, _) in NAMES.items()),
    ("topk", {"k": 3, "width": 9}, TopK(width=9, k=3)),
    ("topk", {"aux_weight": 1}, TopK(aux_weight=1.0)),
    ("topk", {"origin": "median"}, TopK(origin="median")),
    ("batchtopk", {"origin": "mean", "k": 2}, BatchTopK(k=2, origin="mean")),
    ("relu", {"l1": 3}, ReLU(l1=3.0)),
    ("gated", {"l1": 0}, Gated(l1=0.0)),
    ("jumprelu", {"target": 20, "bandwidth": 1, "width": 5}, JumpReLU(target=20.0, bandwidth=1.0, width=5)),
    ("matryoshka", {"width": 64, "k": 2, "levels": 3}, Matryoshka(width=64, k=2, levels=3)),
    ("archetypal", {"delta": 2, "centroids": 100}, Archetypal(delta=2.0, centroids=100)),
    ("block", {"width": 64, "size": 16, "blocks": 1}, Block(width=64, size=16, blocks=1)),
    ("pca", {"k": 4}, PCA(k=4)),
    ("random", {"width": 1000}, RandomDirections(width=1000)),
]
BAD = [
    ("tpok", {}, "no kind of SAE named 'tpok'; the nearest are topk"),
    ("vanilla", {}, "no kind of SAE named 'vanilla'; there are archetypal, batchtopk, .* and 4 more"),
    ("relu", {"k": 3}, "a relu SAE has no setting k; its settings are width, l1"),
    ("topk", {"l1": 3.0, "k": 3, "colour": "red"}, "a topk SAE has no setting l1, colour; its settings are width, k, "),
    ("jumprelu", {"l1": 3.0}, "a jumprelu SAE has no setting l1; its settings are width, l0, target, "),
    ("neurons", {"l0": 3.0}, "a neurons SAE has no setting l0; its settings are width, k"),
    ("topk", {"k": "3"}, "k is '3'; it must be a whole number"),
    ("topk", {"k": 3.0}, "k is 3.0; it must be a whole number"),
    ("topk", {"k": True}, "k is True; it must be a whole number"),
    ("topk", {"origin": 1}, "origin is 1; it must be a word"),
    ("topk", {"origin": None}, "origin is None; it must be a word"),
    ("relu", {"l1": None}, "l1 is None; it must be a number"),
    ("relu", {"l1": "5"}, "l1 is '5'; it must be a number"),
    ("relu", {"l1": True}, "l1 is True; it must be a number"),
    ("block", {"size": 2.5}, "size is 2.5; it must be a whole number"),
    ("archetypal", {"delta": [1]}, r"delta is \[1\]; it must be a number"),
    ("topk", {"k": 0}, "k must be between 1 and the width"),
    ("block", {"width": 9, "size": 2}, "give a width that size divides"),
    ("topk", {"origin": "mode"}, "origin is 'mode'; it must be 'mean' or 'median'"),
]


@pytest.mark.parametrize(("kind", "settings", "expected"), GOOD)
def test_a_recipe_by_name(kind, settings, expected):
    found = make_config(kind, settings)
    assert found == expected
    assert type(found) is type(expected) is NAMES[kind][0]
    assert isinstance(found, SAEConfig)
    assert found.kind == kind
    assert all(type(getattr(found, name)) is type(getattr(expected, name)) for name in settings)


@pytest.mark.parametrize(("kind", "settings", "message"), BAD)
def test_what_does_not_exist_is_refused(kind, settings, message):
    with pytest.raises(VisaeError, match=message):
        make_config(kind, settings)


def test_every_kind_has_a_test_of_its_own():
    """A kind is one file, and its test another."""
    folder = Path(__file__).parent
    for config in kinds().values():
        if config.__module__.startswith("visae."):
            name = config.__module__.rpartition(".")[2]
            assert (folder / f"test{name}.py").is_file(), f"{config.kind} has no test"


def test_baselines_come_last():
    order = [config.baseline for config in kinds().values()]
    assert order == sorted(order)


@pytest.mark.parametrize("name", NAMES)
def test_the_settings_of_a_kind(name):
    assert sorted(setting_names(kinds()[name])) == sorted(NAMES[name][1].split())


@pytest.mark.parametrize("made", CONFIGS, ids=kind)
def test_a_recipe_is_frozen_says_what_its_settings_are_and_builds_an_sae(made):
    with pytest.raises(FrozenInstanceError):
        made.width = 3
    sae = made.build(5, torch.Generator())
    assert isinstance(sae, SAE)
    assert (sae.config, sae.configs, sae.dim, sae.width) == (made, (made,), 5, made.width or 5)
    for name in made.varied:
        assert sae.get_buffer(name).item() == getattr(made, name)
        assert name not in sae.state_dict()
    assert all(f"{field.name}:" in type(made).__doc__ + _of_bases(made) for field in fields(made))


def _of_bases(made):
    """Documentation of what a config has from others: 'the settings of TopK, and', 'settings as for PCA'."""
    return "".join(one.__doc__ or "" for one in (*type(made).__mro__[1:], PCA))
