import json
import pickle
import re
from dataclasses import asdict

import pytest
import safetensors.torch
import torch
from small_saes import CONFIGS, kind, random_sae, rows

from visae._support.errors import VisaeError
from visae.sae import PCA, SAE, BatchTopK, ReLU, TopK, load, save

ABOUT = {"network": "planted", "layer": "mixed", "metrics": {"l0": 7.98, "none": None}, "note": "é"}
# The tensors in the file of each kind: part of the format.
AFFINE = ("encoder", "encoder_bias", "decoder", "bias", "centre", "scale")
TENSORS = {
    "relu": AFFINE,
    "gated": (*AFFINE, "r_mag", "magnitude_bias"),
    "topk": AFFINE,
    "batchtopk": (*AFFINE, "threshold"),
    "jumprelu": (*AFFINE, "log_threshold"),
    "matryoshka": (*AFFINE, "threshold"),
    "archetypal": (
        *("encoder", "encoder_bias", "mixture", "centroids", "relaxation", "log_scale"),
        *("bias", "centre", "scale"),
    ),
    "block": ("decoder", "log_gain", "bias", "centre", "scale"),
    "pca": AFFINE,
    "ica": AFFINE,
    "random": AFFINE,
    "neurons": AFFINE,
}
every_kind = pytest.mark.parametrize("config", CONFIGS, ids=kind)


def described_sae(config):
    sae = random_sae(config, 5, dtype=torch.float32)
    sae.about = ABOUT
    return sae


@pytest.fixture
def path(tmp_path):
    """The file of a TopK SAE."""
    save(described_sae(TopK(width=8, k=2)), tmp_path / "sae.safetensors")
    return tmp_path / "sae.safetensors"


@pytest.mark.parametrize(
    "config",
    [TopK(width=8, k=2, aux_weight=1 / 3, origin="median"), ReLU(width=7, l1=0.1), PCA(width=4), BatchTopK(k=2)],
    ids=kind,
)
def test_an_sae_is_loaded_from_its_folder_or_file_to_the_bit(tmp_path, config):
    sae = described_sae(config)
    save(sae, tmp_path / "run" / "sae.safetensors")
    for path in (tmp_path / "run", str(tmp_path / "run" / "sae.safetensors")):
        loaded = load(path)
        assert isinstance(loaded, SAE)
        assert type(loaded) is type(sae)
        assert (loaded.config, loaded.about, loaded.dim, loaded.width) == (config, ABOUT, 5, sae.width)
        assert not loaded.training
        assert not any(parameter.requires_grad for parameter in loaded.parameters())
        for name in TENSORS[config.kind]:
            assert torch.equal(getattr(loaded, name), getattr(sae, name))
            assert getattr(loaded, name).any()
        x = rows(20, 5, dtype=torch.float32)
        assert torch.equal(loaded.encode(x), sae.encode(x))


@every_kind
def test_the_file_is_plain_safetensors(tmp_path, config):
    save(described_sae(config), tmp_path / "sae.safetensors")
    with safetensors.safe_open(tmp_path / "sae.safetensors", "pt") as file:
        header = json.loads(file.metadata()["visae"])
        assert sorted(file.keys()) == sorted(TENSORS[config.kind])
    expected = {"schema": 2, "kind": config.kind, "config": asdict(config), "dim": 5, "about": ABOUT}
    assert list(header.items()) == list(expected.items())


@every_kind
def test_each_tensor_must_be_there_with_its_shape_and_type(tmp_path, config):
    path = tmp_path / "sae.safetensors"
    save(described_sae(config), path)
    whole = path.read_bytes()
    for name in TENSORS[config.kind]:
        changes = {
            "holds the tensors": lambda tensors, name=name: {key: tensors[key] for key in tensors if key != name},
            rf"'{name}': 'float32 \[1[],]": lambda tensors, name=name: tensors | {name: tensors[name][None]},
            f"'{name}': 'float64 ": lambda tensors, name=name: tensors | {name: tensors[name].double()},
        }
        for message, change in changes.items():
            path.write_bytes(whole)
            rewrite(path, change)
            refuses(path, message)


def test_a_loaded_sae_is_saved_as_the_same_bytes(path):
    before = path.read_bytes()
    save(load(path), path)
    assert path.read_bytes() == before


@every_kind
def test_nothing_is_pickled(tmp_path, monkeypatch, config):
    sae = described_sae(config)

    def refuse(*_, **__):
        raise AssertionError("pickle")

    for module, names in ((pickle, ("dumps", "dump", "loads", "load")), (torch, ("save", "load"))):
        for name in names:
            monkeypatch.setattr(module, name, refuse)
    save(sae, tmp_path / "sae.safetensors")
    load(tmp_path)


def rewrite(path, change_tensors=lambda tensors: tensors, **keys):
    """Replace the tensors, or keys of the header, of a file; a key that is `...` is left out."""
    with safetensors.safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["visae"]) | keys
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    header = {key: value for key, value in header.items() if value is not ...}
    path.write_bytes(safetensors.torch.save(change_tensors(tensors), {"visae": json.dumps(header)}))


def refuses(path, message):
    with pytest.raises(VisaeError) as error:
        load(path)
    assert re.search(message, str(error.value)), str(error.value)
    assert "\n" not in str(error.value)


CONFIG = {"width": 8, "k": 2}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"schema": 3}, "has schema 3, this version of visae reads schema 2"),
        ({"schema": ...}, "has schema None"),
        ({"kind": "tpok"}, "'tpok'; the nearest are topk"),
        ({"kind": "batchtopk"}, "a batchtopk SAE has .*'threshold': 'float32 "),
        ({"kind": "relu"}, "a relu SAE has no setting k"),
        ({"kind": 3}, "its header has kind 3"),
        ({"kind": ...}, "missing 'kind'"),
        ({"colour": "red"}, "unknown 'colour'"),
        ({"config": CONFIG | {"colour": 1}}, "a topk SAE has no setting colour"),
        ({"config": CONFIG | {"k": 9}}, "k is 9, the width 8"),
        ({"config": CONFIG | {"k": "2"}}, "k is '2'; .* whole number"),
        ({"config": CONFIG | {"origin": 3}}, "origin is 3; .* word"),
        ({"config": CONFIG | {"origin": "mode"}}, "origin is 'mode'"),
        ({"config": []}, "its header has config"),
        ({"config": CONFIG | {"width": 9}}, "a topk SAE has .*'decoder': 'float32 "),
        ({"dim": 6}, "a topk SAE has .*'bias': 'float32 "),
        ({"dim": 0}, "its header has dim 0"),
        ({"dim": "5"}, "its header has dim '5'"),
        ({"about": None}, "its header has about None"),
    ],
)
def test_wrong_headers_are_refused(path, keys, message):
    rewrite(path, **keys)
    refuses(path, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors | {"gate": torch.zeros(8)}, "'gate': 'float32 "),
        (lambda tensors: tensors | {"decoder": tensors["decoder"].T.contiguous()}, r"'decoder': 'float32 \[5, 8\]'"),
        (lambda tensors: tensors | {"bias": tensors["bias"].half()}, r"'bias': 'float16 \[5\]'"),
        (lambda _: {}, "holds the tensors {}"),
    ],
)
def test_wrong_tensors_are_refused(path, change, message):
    rewrite(path, change)
    refuses(path, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda whole: whole[: len(whole) // 2], "is not a complete safetensors file"),
        (lambda whole: whole[:-1], "is not a complete safetensors file"),
        (lambda _: b"", "is not a complete safetensors file"),
        (lambda _: pickle.dumps({"decoder": [1, 2]}), "is not a complete safetensors file"),
        (lambda _: safetensors.torch.save({"w": torch.ones(2)}), "has no 'visae' header"),
    ],
)
def test_other_files_are_refused(path, change, message):
    path.write_bytes(change(path.read_bytes()))
    refuses(path, message)


def test_a_missing_dictionary_is_named_with_the_command_that_makes_it(tmp_path):
    for path, file in [(tmp_path, tmp_path / "sae.safetensors"), (tmp_path / "typo", tmp_path / "typo")]:
        with pytest.raises(VisaeError, match=re.escape(str(file))) as error:
            load(path)
        assert f"visae train --out {path} ..." in str(error.value)
