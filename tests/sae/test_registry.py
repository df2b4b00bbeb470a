from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from small_saes import TRAINABLE

from visae._support.errors import VisaeError
from visae.sae import (
    ICA,
    PCA,
    Archetypal,
    BatchTopK,
    Block,
    Gated,
    JumpReLU,
    LineStyle,
    Matryoshka,
    Neurons,
    RandomDirections,
    ReLU,
    SAEConfig,
    TopK,
    _registry,
    kinds,
    make_config,
    register_kind,
    style_of,
)
from visae.sae._registry import setting_names

SETTINGS = {
    "relu": (ReLU, "width freeze l1"),
    "gated": (Gated, "width freeze l1"),
    "topk": (TopK, "width freeze k aux_k aux_weight dead_after origin"),
    "batchtopk": (BatchTopK, "width freeze k aux_k aux_weight dead_after origin"),
    "jumprelu": (JumpReLU, "width freeze l0 target bandwidth threshold"),
    "matryoshka": (Matryoshka, "width freeze k aux_k aux_weight dead_after origin levels"),
    "archetypal": (Archetypal, "width freeze k aux_k aux_weight dead_after origin centroids delta"),
    "block": (Block, "width freeze size blocks"),
    "pca": (PCA, "width k"),
    "ica": (ICA, "width k"),
    "random": (RandomDirections, "width k"),
    "neurons": (Neurons, "width k"),
}


@pytest.mark.parametrize(
    ("kind", "settings", "expected"),
    [
        *((name, {}, config()) for name, (config, _) in SETTINGS.items()),
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
    ],
)
def test_configs_are_made_by_name(kind, settings, expected):
    config = make_config(kind, settings)
    assert config == expected
    assert type(config) is type(expected) is SETTINGS[kind][0]
    assert isinstance(config, SAEConfig)
    assert config.kind == kind
    assert all(type(getattr(config, name)) is type(getattr(expected, name)) for name in settings)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("tpok", {}, "'tpok'; the nearest are topk"),
        ("vanilla", {}, "'vanilla'; there are archetypal, batchtopk, .* more"),
        ("relu", {"k": 3}, "a relu SAE has no setting k; .* width, freeze, l1"),
        ("topk", {"l1": 3.0, "k": 3, "colour": "red"}, "a topk SAE has no setting l1, colour; .* width, freeze, k, "),
        ("jumprelu", {"l1": 3.0}, "a jumprelu SAE has no setting l1; .* width, freeze, l0, target, "),
        ("neurons", {"l0": 3.0}, "a neurons SAE has no setting l0; .* width, k"),
        ("topk", {"k": "3"}, "k is '3'; .* whole number"),
        ("topk", {"k": 3.0}, "k is 3.0; .* whole number"),
        ("topk", {"k": True}, "k is True; .* whole number"),
        ("topk", {"origin": 1}, "origin is 1; .* word"),
        ("topk", {"origin": None}, "origin is None; .* word"),
        ("relu", {"l1": None}, "l1 is None; .* number"),
        ("relu", {"l1": "5"}, "l1 is '5'; .* number"),
        ("relu", {"l1": True}, "l1 is True; .* number"),
        ("block", {"size": 2.5}, "size is 2.5; .* whole number"),
        ("archetypal", {"delta": [1]}, r"delta is \[1\]; .* number"),
        ("topk", {"k": 0}, "k is 0, the width 768"),
        ("block", {"width": 9, "size": 2}, "the width is 9, a block's size 2"),
        ("topk", {"origin": "mode"}, "origin is 'mode'"),
    ],
)
def test_unknown_kinds_settings_and_types_are_refused(kind, settings, message):
    with pytest.raises(VisaeError, match=message):
        make_config(kind, settings)


def test_every_kind_has_a_test_that_calls_the_contract():
    """A kind is one file, and its test another."""
    for config in kinds().values():
        if config.__module__.startswith("visae."):
            test = Path(__file__).with_name(f"test{config.__module__.rpartition('.')[2]}.py")
            assert test.is_file(), f"{config.kind} has no test"
            assert "check_contract(" in test.read_text(), f"{config.kind} is not held to the contract"


def test_baselines_are_listed_last():
    order = [(config.baseline, name) for name, config in kinds().items()]
    assert order == sorted(order)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_settings_of_a_kind(name):
    assert sorted(setting_names(kinds()[name])) == sorted(SETTINGS[name][1].split())


def test_no_two_kinds_are_drawn_alike():
    marks = [(config.style.colour, config.style.marker) for config in kinds().values()]
    assert len(set(marks)) == len(marks)
    assert style_of("topk") == TopK.style
    assert style_of("unheard of") == LineStyle()


@pytest.fixture
def own_kinds(monkeypatch):
    """Forget afterwards which kinds a test has registered."""
    kinds()
    monkeypatch.setattr(_registry, "_REGISTERED", dict(_registry._REGISTERED))


def define_kind(name="own", default=3, options=None):
    """Define and register a kind, as a cell of a notebook does that runs again and again."""

    @register_kind
    @dataclass(frozen=True, **options or {})
    class Own(SAEConfig):
        kind: ClassVar[str] = name
        sae: ClassVar[Any] = TopK.sae
        k: int = default

    return Own


@pytest.mark.usefixtures("own_kinds")
def test_a_class_that_is_defined_again_replaces_the_first():
    define_kind(default=3)
    config = define_kind(default=4)
    assert kinds()["own"] is config
    assert make_config("own", {}).k == 4


@pytest.mark.usefixtures("own_kinds")
@pytest.mark.parametrize("name", ["topk", "pca"])
def test_a_name_that_is_taken_is_refused(name):
    taken = f"{SETTINGS[name][0].__module__}.{SETTINGS[name][0].__qualname__}"
    with pytest.raises(VisaeError, match=f"{name!r} already, {taken}"):
        define_kind(name)
    assert kinds()[name] is SETTINGS[name][0]


def without_dataclass():
    class Bare(SAEConfig):
        kind: ClassVar[str] = "bare"
        sae: ClassVar[Any] = TopK.sae
        k: int = 3

    return Bare


def without_a_kind_of_its_own():
    @dataclass(frozen=True)
    class Nameless(TopK):
        more: int = 3

    return Nameless


def without_an_sae():
    @dataclass(frozen=True)
    class Empty(SAEConfig):
        kind: ClassVar[str] = "empty"

    return Empty


def without_a_default():
    @dataclass(frozen=True, kw_only=True)
    class Unset(SAEConfig):
        kind: ClassVar[str] = "unset"
        sae: ClassVar[Any] = TopK.sae
        k: int
        levels: int = field(default_factory=lambda: 3)

    return Unset


def with_a_flag():
    @dataclass(frozen=True)
    class Flagged(SAEConfig):
        kind: ClassVar[str] = "flagged"
        sae: ClassVar[Any] = TopK.sae
        k: int = 3
        is_tied: bool = True

    return Flagged


@pytest.mark.usefixtures("own_kinds")
@pytest.mark.parametrize(
    ("define", "message"),
    [
        (without_dataclass, "Bare .* frozen dataclass"),
        (without_a_kind_of_its_own, "Nameless .* kind"),
        (without_an_sae, "Empty .* sae"),
        (without_a_default, "Unset has no default for k, levels"),
        (with_a_flag, "is_tied of Flagged is True"),
    ],
)
def test_classes_that_cannot_be_kinds_are_refused(define, message):
    before = kinds()
    with pytest.raises(VisaeError, match=message):
        register_kind(define())
    assert kinds() == before


def test_settings_that_vary_in_a_stack_are_settings():
    for config in TRAINABLE:
        assert set(config.varied) <= set(setting_names(type(config)))
