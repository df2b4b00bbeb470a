import json
import pickle
import re
from dataclasses import asdict

import pytest
import safetensors.torch
import torch
from small_saes import CONFIGS, filled, kind, rows

from visae._support.errors import VisaeError
from visae.sae import SAE, ReLU, TopK, load, save

KEPT = ("encoder", "encoder_bias", "decoder", "bias", "centre", "scale")
ABOUT = {"network": "planted", "layer": "mixed", "metrics": {"l0": 7.98, "none": None}, "note": "é"}


# What the kinds keep besides.
MORE = {
    "gated": {"r_mag", "magnitude_bias"},
    "batchtopk": {"threshold"},
    "matryoshka": {"threshold"},
    "jumprelu": {"log_threshold"},
    "archetypal": {"mixture", "relaxation", "log_scale", "centroids"},
    "block": {"log_gain"},
}
# What the kinds make of other tensors.
LESS = {"archetypal": {"decoder"}, "block": {"encoder", "encoder_bias"}}


def kept(config):
    return sorted(set(KEPT) - LESS.get(config.kind, set()) | MORE.get(config.kind, set()))


def made(config):
    sae = filled(config, 5, dtype=torch.float32)
    sae.about = ABOUT
    return sae


every = pytest.mark.parametrize("config", CONFIGS, ids=kind)
UNUSUAL = [TopK(width=8, k=2, aux_weight=1 / 3, origin="median"), ReLU(width=7, l1=0.1)]


@pytest.fixture
def path(tmp_path):
    save(made(TopK(width=8, k=2)), tmp_path / "sae.safetensors")
    return tmp_path / "sae.safetensors"


@pytest.mark.parametrize("config", [*CONFIGS, *UNUSUAL], ids=kind)
def test_an_sae_comes_back_to_the_bit(tmp_path, config):
    sae = made(config)
    save(sae, tmp_path / "run" / "sae.safetensors")
    for place in (tmp_path / "run", str(tmp_path / "run" / "sae.safetensors")):
        back = load(place)
        assert isinstance(back, SAE)
        assert type(back) is type(sae)
        assert (back.config, back.about, back.dim, back.width) == (config, ABOUT, 5, sae.width)
        assert not back.training
        assert not any(parameter.requires_grad for parameter in back.parameters())
        for name in kept(config):
            assert torch.equal(getattr(back, name), getattr(sae, name))
            assert getattr(back, name).any()
        x = rows(20, 5, dtype=torch.float32)
        assert torch.equal(back.encode(x), sae.encode(x))
        assert torch.equal(back.decode(back.encode(x)), sae.decode(sae.encode(x)))


@every
def test_each_of_its_tensors_must_be_there_and_have_its_shape(tmp_path, config):
    path = tmp_path / "sae.safetensors"
    save(made(config), path)
    whole = path.read_bytes()
    for name in kept(config):
        harms = {
            "holds the tensors": lambda tensors, name=name: {key: tensors[key] for key in tensors if key != name},
            rf"'{name}': 'float32 \[1[],]": lambda tensors, name=name: tensors | {name: tensors[name][None]},
            f"'{name}': 'float64 ": lambda tensors, name=name: tensors | {name: tensors[name].double()},
        }
        for message, harm in harms.items():
            path.write_bytes(whole)
            load(path)
            edited(path, harm)
            refused(path, message)


def test_a_file_saved_again_has_the_same_bytes(path):
    before = path.read_bytes()
    save(load(path), path)
    assert path.read_bytes() == before


@every
def test_the_file_is_plain_safetensors(tmp_path, config):
    save(made(config), tmp_path / "sae.safetensors")
    with safetensors.safe_open(tmp_path / "sae.safetensors", "pt") as file:
        header = json.loads(file.metadata()["visae"])
        assert sorted(file.keys()) == kept(config)
    expected = {"schema": 2, "kind": config.kind, "config": asdict(config), "dim": 5, "about": ABOUT}
    assert list(header.items()) == list(expected.items())


@every
def test_nothing_is_pickled(tmp_path, monkeypatch, config):
    sae = made(config)

    def refuse(*_, **__):
        raise AssertionError("pickle")

    for module, names in ((pickle, ("dumps", "dump", "loads", "load")), (torch, ("save", "load"))):
        for name in names:
            monkeypatch.setattr(module, name, refuse)
    save(sae, tmp_path / "sae.safetensors")
    load(tmp_path)


def edited(path, tensors=lambda kept: kept, **keys):
    """The file with other tensors or another header."""
    with safetensors.safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["visae"]) | keys
        kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    header = {key: value for key, value in header.items() if value is not ...}
    path.write_bytes(safetensors.torch.save(tensors(kept), {"visae": json.dumps(header)}))


RECIPE = {"width": 8, "k": 2}
BAD_HEADERS = [
    ({"schema": 3}, "has schema 3, this visae reads schema 2"),
    ({"schema": ...}, "has schema None"),
    ({"kind": "tpok"}, "no kind of SAE named 'tpok'; the nearest are topk"),
    ({"kind": "batchtopk"}, "a batchtopk SAE has .*'threshold': 'float32 "),
    ({"kind": "relu"}, "a relu SAE has no setting k"),
    ({"kind": 3}, "its header has kind 3"),
    ({"kind": ...}, "missing 'kind'"),
    ({"colour": "red"}, "other keys than this visae knows: unknown 'colour'"),
    ({"config": RECIPE | {"colour": 1}}, "a topk SAE has no setting colour"),
    ({"config": RECIPE | {"k": 9}}, "k is 9, the width 8"),
    ({"config": RECIPE | {"k": "2"}}, "k is '2'; it must be a whole number"),
    ({"config": RECIPE | {"origin": 3}}, "origin is 3; it must be a word"),
    ({"config": RECIPE | {"origin": "mode"}}, "origin is 'mode'; it must be 'mean' or 'median'"),
    ({"config": []}, "its header has config"),
    ({"config": RECIPE | {"width": 9}}, "a topk SAE has .*'decoder': 'float32 "),
    ({"dim": 6}, "a topk SAE has .*'bias': 'float32 "),
    ({"dim": 0}, "its header has dim 0"),
    ({"dim": "5"}, "its header has dim '5'"),
    ({"about": None}, "its header has about None"),
]


@pytest.mark.parametrize(("keys", "message"), BAD_HEADERS)
def test_a_header_that_is_not_as_it_should_be(path, keys, message):
    edited(path, **keys)
    refused(path, message)


BAD_TENSORS = [
    (lambda kept: kept | {"gate": torch.zeros(8)}, "'gate': 'float32 "),
    (lambda kept: {name: kept[name] for name in KEPT[1:]}, "'encoder': 'float32 "),
    (lambda kept: kept | {"decoder": kept["decoder"].T.contiguous()}, r"'decoder': 'float32 \[5, 8\]'"),
    (lambda kept: kept | {"scale": torch.ones(1)}, r"'scale': 'float32 \[1\]'"),
    (lambda kept: kept | {"bias": kept["bias"].half()}, r"'bias': 'float16 \[5\]'"),
    (lambda _: {}, "holds the tensors {}"),
]


@pytest.mark.parametrize(("tensors", "message"), BAD_TENSORS)
def test_tensors_that_are_not_as_they_should_be(path, tensors, message):
    edited(path, tensors)
    refused(path, message)


BAD_BYTES = [
    (lambda whole: whole[: len(whole) // 2], "is not a whole safetensors file"),
    (lambda whole: whole[:-1], "is not a whole safetensors file"),
    (lambda _: b"", "is not a whole safetensors file"),
    (lambda _: pickle.dumps({"decoder": [1, 2]}), "is not a whole safetensors file"),
    (lambda _: safetensors.torch.save({"w": torch.ones(2)}), "has no 'visae' header"),
]


@pytest.mark.parametrize(("harm", "message"), BAD_BYTES)
def test_what_is_not_a_dictionary(path, harm, message):
    path.write_bytes(harm(path.read_bytes()))
    refused(path, message)


def test_what_is_not_there(tmp_path):
    for place, file in [(tmp_path, tmp_path / "sae.safetensors"), (tmp_path / "typo", tmp_path / "typo")]:
        with pytest.raises(VisaeError) as error:
            load(place)
        assert str(error.value) == f"there is no dictionary at {file}; train one with: visae train --out {place} ..."


def refused(path, message):
    with pytest.raises(VisaeError) as error:
        load(path)
    assert re.search(message, str(error.value)), str(error.value)
    assert "\n" not in str(error.value)
