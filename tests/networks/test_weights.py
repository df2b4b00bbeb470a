import os
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import safetensors.torch
import torch

from visae._support.errors import VisaeError
from visae.networks import _cards as cards
from visae.networks import _containers as containers
from visae.networks import _weights as weights
from visae.networks._cards import Card, Digest, WeightsFile

DIGEST = Digest("sha256_prefix", "f37072fd")
ENTRY = WeightsFile("toy.pth", "https://example.org/toy.pth", DIGEST, also=("toy.npz",))
CARD = Card("toy", "Toy", "A toy.", "MIT", "here", (ENTRY,))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VISAE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VISAE_WEIGHTS", raising=False)
    return tmp_path / "cache" / "weights"


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"weights")
    return path


def test_the_cache_is_the_users_unless_the_environment_names_one(monkeypatch, cache):
    assert weights.cache_folder("weights") == cache
    monkeypatch.delenv("VISAE_CACHE")
    assert weights.cache_folder("weights") == platformdirs.user_cache_path("visae") / "weights"


@pytest.mark.parametrize("name", ["toy.pth", "toy.npz"])
def test_each_place_comes_before_the_next(tmp_path, monkeypatch, cache, name):
    cached = put(cache / name)
    assert weights.find(CARD) == cached
    chosen = put(tmp_path / "chosen" / name)
    monkeypatch.setenv("VISAE_WEIGHTS", str(chosen.parent))
    assert weights.find(CARD) == chosen
    given = put(tmp_path / "given" / name)
    assert weights.find(CARD, given.parent) == given
    assert weights.find(CARD, given) == given


def test_the_published_name_comes_before_the_others(cache):
    put(cache / "toy.npz")
    published = put(cache / "toy.pth")
    assert weights.find(CARD) == published


def test_a_file_may_have_any_name_if_it_is_named(tmp_path, monkeypatch):
    mine = put(tmp_path / "mine.safetensors")
    assert weights.find(CARD, mine) == mine
    monkeypatch.setenv("VISAE_WEIGHTS", str(mine))
    assert weights.find(CARD) == mine


def test_a_folder_in_the_environment_need_not_have_this_network(tmp_path, monkeypatch, cache):
    monkeypatch.setenv("VISAE_WEIGHTS", str(put(tmp_path / "chosen" / "another.pth").parent))
    cached = put(cache / "toy.npz")
    assert weights.find(CARD) == cached


def test_what_is_nowhere_is_answered_with_the_command_that_fetches_it(tmp_path, monkeypatch, cache):
    chosen = put(tmp_path / "chosen" / "another.pth").parent
    monkeypatch.setenv("VISAE_WEIGHTS", str(chosen))
    with pytest.raises(VisaeError) as caught:
        weights.find(CARD)
    message = str(caught.value)
    assert "\n" not in message
    for said in ("`visae fetch toy`", ENTRY.url, "f37072fd", "toy.pth or toy.npz", str(chosen), str(cache)):
        assert said in message


def test_a_path_that_was_given_is_not_replaced_by_another_place(tmp_path, cache):
    put(cache / "toy.pth")
    with pytest.raises(VisaeError, match=r"given is .*nowhere, which does not exist"):
        weights.find(CARD, tmp_path / "nowhere")
    with pytest.raises(VisaeError, match=r"no weights of toy, expected toy.pth or toy.npz"):
        weights.find(CARD, tmp_path)


def test_an_environment_that_names_nothing_is_an_error(tmp_path, monkeypatch, cache):
    put(cache / "toy.pth")
    monkeypatch.setenv("VISAE_WEIGHTS", str(tmp_path / "nowhere"))
    with pytest.raises(VisaeError, match=r"VISAE_WEIGHTS is .*nowhere, which does not exist"):
        weights.find(CARD)


EXPECTED = {"a.weight": (2, 3), "a.bias": torch.Size([2]), "scale": ()}


def good():
    return {"scale": torch.tensor(1.0), "a.bias": torch.zeros(2), "a.weight": torch.ones(2, 3)}


def test_the_right_tensors_come_in_the_expected_order():
    found = good()
    checked = weights.check(found, EXPECTED, Path("toy.pth"))
    assert list(checked) == list(EXPECTED)
    assert all(checked[name] is found[name] for name in EXPECTED)


FAULTS = [
    ({"a.bias": None}, ["missing a.bias (2)"]),
    ({"b.bias": torch.zeros(4, 5)}, ["surplus b.bias (4x5)"]),
    ({"a.weight": torch.ones(3, 2)}, ["a.weight is 3x2, expected 2x3"]),
    ({"scale": torch.ones(1)}, ["scale is 1, expected a single number"]),
    ({"a.bias": torch.tensor([0.0, torch.nan])}, ["a.bias has 1 of 2 values that are not finite"]),
    ({"scale": torch.tensor(-torch.inf)}, ["scale has 1 of 1 values that are not finite"]),
    (
        {
            "a.bias": None,
            "scale": None,
            "x": torch.zeros(1),
            "y\n": torch.zeros(2),
            "a.weight": torch.ones(6),
        },
        [
            "missing a.bias (2), scale (a single number)",
            "surplus x (1), y (2)",
            "a.weight is 6, expected 2x3",
        ],
    ),
]


@pytest.mark.parametrize(("changes", "said"), FAULTS)
def test_every_fault_is_named_in_one_line(changes, said):
    found = {name: tensor for name, tensor in (good() | changes).items() if tensor is not None}
    with pytest.raises(VisaeError) as caught:
        weights.check(found, EXPECTED, Path("folder/toy.pth"))
    message = str(caught.value)
    assert message.startswith("folder/toy.pth ")
    assert "\n" not in message
    for part in said:
        assert part in message


def test_spare_tensors_are_left_out_and_no_others():
    found = good() | {"head0.weight": torch.zeros(1)}
    assert list(weights.check(found, EXPECTED, Path("toy.pth"), spare=("head0", "head1"))) == list(EXPECTED)
    with pytest.raises(VisaeError, match=r"surplus head0.weight"):
        weights.check(found, EXPECTED, Path("toy.pth"), spare=("head1",))


def test_the_digest_is_of_the_content_and_not_of_the_container(tmp_path):
    tensors = good()
    torch.save(tensors, tmp_path / "a.pth")
    np.savez(tmp_path / "a.npz", **{name: tensors[name].numpy() for name in sorted(tensors)})
    safetensors.torch.save_file(tensors, tmp_path / "a.safetensors")
    digests = {weights.digest(containers.read(path)) for path in tmp_path.glob("a.*")}
    assert digests == {weights.digest(tensors)}


def test_the_digest_of_known_tensors():
    # printf '["b", "torch.float32", [1, 2]]\n\0\0\x80\x3f\0\0\0\xc0' | sha256sum
    known = "24eea3388f3b8a747b9fe8b801621e156f2336cc5943e0852d1d7632c7139588"
    assert weights.digest({"b": torch.tensor([[1.0, -2.0]])}) == known


@pytest.mark.parametrize(
    "other",
    [
        {"a": torch.zeros(2, 3), "c": torch.ones(2)},
        {"a": torch.zeros(3, 2), "b": torch.ones(2)},
        {"a": torch.zeros(2, 3), "b": torch.tensor([1.0, 1.0000001])},
        {"a": torch.zeros(2, 3, dtype=torch.int32), "b": torch.ones(2)},
        {"a": torch.zeros(2, 3, dtype=torch.bfloat16), "b": torch.ones(2)},
        {"a": torch.zeros(2, 3)},
    ],
)
def test_the_digest_changes_with_every_part(other):
    assert weights.digest(other) != weights.digest({"a": torch.zeros(2, 3), "b": torch.ones(2)})


def test_the_published_googlenet(monkeypatch):
    data = os.environ.get("VISAE_TEST_DATA")
    if not data:
        pytest.skip("VISAE_TEST_DATA is not set: the weights of GoogLeNet are not at hand")
    monkeypatch.setenv("VISAE_WEIGHTS", str(Path(data) / "weights"))
    path = weights.find(cards.card("inceptionv1-caffe"))
    assert path.name == "inceptionv1_caffe.npz"
    found = containers.read(path)
    assert len(found) == 116
    assert {name.rpartition(".")[2] for name in found} == {"weight", "bias"}
    assert len({name.rpartition(".")[0] for name in found}) == 58
    assert found["conv1_7x7_s2.weight"].shape == (64, 3, 7, 7)
    weights.check(found, {name: tensor.shape for name, tensor in found.items()}, path)
