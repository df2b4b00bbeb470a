import pytest

from visae._support.errors import VisaeError
from visae.networks._cards import (
    FileDigest,
    NetworkCard,
    PublishedTuning,
    WeightsFile,
    card_names,
    named_card,
    read_card,
)

SHA1 = "405fc5acd08a3bb12de8ee5e23a96bec22f08204"
GOOD = f"""
schema = 1
name = "toy"
title = "Toy"
description = "A toy."
licence = "MIT"
origin = "here"

[[weights]]
file = "toy.npz"
url = "https://example.org/toy.npz"
sha1 = "{SHA1}"
bytes = 12
also = ["toy-old.npz"]

[[weights]]
file = "toy.pth"
url = "https://example.org/toy.pth"
git_blob = "{SHA1}"
"""
TUNING = """
[tuning]
layer = "mixed3b"
origin = "a paper"
licence = "CC0"

[tuning.neurons]
379 = [0, 1, 2, 3, 4, 5, 6, 7]
406 = [7, 6, 5, 4, 3, 2, 1, 0]
"""


def test_published_cards():
    assert {"inceptionv1", "inceptionv1-caffe"} <= set(card_names())
    for name in card_names():
        assert named_card(name).name == name
    (tensorflow,) = named_card("inceptionv1").weights
    assert tensorflow.digest == FileDigest("git_blob", "119f77db85c8352960933e025312b507d9a96ed7")
    assert tensorflow.file == "inception5h.pth"
    (caffe,) = named_card("inceptionv1-caffe").weights
    assert caffe.digest == FileDigest("sha1", SHA1)
    assert named_card("inceptionv1-caffe").file_names() == ("bvlc_googlenet.caffemodel", "inceptionv1_caffe.npz")


def test_every_key_of_a_card_is_read(tmp_path):
    path = tmp_path / "toy.toml"
    path.write_text(GOOD)
    npz = WeightsFile("toy.npz", "https://example.org/toy.npz", FileDigest("sha1", SHA1), 12, ("toy-old.npz",))
    pth = WeightsFile("toy.pth", "https://example.org/toy.pth", FileDigest("git_blob", SHA1))
    card = read_card(path)
    assert card == NetworkCard("toy", "Toy", "A toy.", "MIT", "here", (npz, pth))
    assert card.preferred() == npz
    assert card.file_names() == ("toy.npz", "toy-old.npz", "toy.pth")


def test_unknown_names_list_the_nearest():
    with pytest.raises(VisaeError, match=r"no network card named .*; the nearest are .*inceptionv1"):
        named_card("inceptionv2")


def test_names_cannot_leave_the_folder():
    with pytest.raises(VisaeError, match="no network card"):
        named_card("../pyproject")


BROKEN = [
    ("schema = 1", "schema = 2", "schema 2.*schema 1"),
    ("schema = 1", "", "schema None"),
    ("schema = 1", "schema = 1\ncolour = 'red'", "'colour'"),
    ('licence = "MIT"', "", "'licence' is missing"),
    ('licence = "MIT"', "licence = 3", "'licence' is 3"),
    ('name = "toy"', 'name = "boy"', "'boy', expected 'toy'"),
    ("bytes = 12", "size = 12", "'size'"),
    ("bytes = 12", "bytes = true", "'bytes' is True"),
    ("bytes = 12", f'sha256 = "{SHA1}"', "sha1 and sha256, expected exactly one"),
    (f'sha1 = "{SHA1}"', "", "no digest, expected exactly one"),
    (f'sha1 = "{SHA1}"', f'sha256_prefix = "{SHA1}"', "no digest, expected exactly one"),
    (f'sha1 = "{SHA1}"', 'sha1 = "405f"', "'405f' is not 40"),
    ('also = ["toy-old.npz"]', "also = [1]", "'also'"),
    ('file = "toy.npz"', 'file = "../toy.npz"', "plain file name"),
    ('file = "toy.npz"', 'file = ".."', "plain file name"),
    ('also = ["toy-old.npz"]', 'also = ["a/b.npz"]', "plain file name"),
    ("https://example.org/toy.npz", "file:///etc/passwd", "expected http"),
    ("https://example.org/toy.npz", "https://example.org/toy npz", "no spaces"),
    ("[[weights]]", "[[weights", "not TOML"),
]
BROKEN_TUNING = [
    ('layer = "mixed3b"', "", r"'tuning\.layer' is None"),
    ('origin = "a paper"', "origin = 3", r"'tuning\.origin' is 3"),
    ('layer = "mixed3b"', 'layer = "mixed3b"\nunit = "Hz"', "'unit'"),
    ("379 = [0, 1, 2, 3, 4, 5, 6, 7]", "a = [0, 1, 2, 3, 4, 5, 6, 7]", "key 'a'"),
    ("379 = [0, 1, 2, 3, 4, 5, 6, 7]", "379 = [0, 1, 2, 3, 4, 5, 6]", r"'tuning\.neurons\.379'.* 8 numbers"),
    ("379 = [0, 1, 2, 3, 4, 5, 6, 7]", "379 = [0, 1, 2, 3, 4, 5, 6, 'x']", r"'tuning\.neurons\.379'.* 8 numbers"),
    ("379 = [0, 1, 2, 3, 4, 5, 6, 7]", "379 = [0, 1, 2, 3, 4, 5, 6, 7, 8]", r"\[8, 9\] samples"),
]


def refuse(path, content, message):
    path.write_text(content)
    with pytest.raises(VisaeError, match=message) as caught:
        read_card(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("good", "broken", "message"), BROKEN)
def test_a_broken_card_is_refused_and_the_fault_named(tmp_path, good, broken, message):
    assert good in GOOD
    refuse(tmp_path / "toy.toml", GOOD.replace(good, broken, 1), message)


def test_published_tuning_is_read(tmp_path):
    path = tmp_path / "toy.toml"
    path.write_text(GOOD + TUNING)
    neurons = {379: tuple(map(float, range(8))), 406: tuple(map(float, range(7, -1, -1)))}
    assert read_card(path).tuning == PublishedTuning("mixed3b", neurons, "a paper", "CC0")


@pytest.mark.parametrize(("good", "broken", "message"), BROKEN_TUNING)
def test_broken_tuning_is_refused_and_the_fault_named(tmp_path, good, broken, message):
    assert good in TUNING
    refuse(tmp_path / "toy.toml", GOOD + TUNING.replace(good, broken, 1), message)


def test_tuning_needs_neurons(tmp_path):
    refuse(tmp_path / "toy.toml", GOOD + TUNING[: TUNING.index("[tuning.neurons]")], r"'tuning\.neurons' is None")


def test_weights_must_be_tables(tmp_path):
    refuse(tmp_path / "toy.toml", GOOD[: GOOD.index("[[")] + "weights = [1]\n", "list of tables")


def test_missing_and_binary_cards(tmp_path):
    with pytest.raises(VisaeError, match="does not exist"):
        read_card(tmp_path / "toy.toml")
    (tmp_path / "toy.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(VisaeError, match="not TOML"):
        read_card(tmp_path / "toy.toml")


def test_cards_made_in_code():
    digest = FileDigest("sha256_prefix", "f37072fd")
    entry = WeightsFile("resnet18-f37072fd.pth", "https://example.org/resnet18-f37072fd.pth", digest)
    assert NetworkCard("resnet18", "t", "d", "l", "o", (entry,)).preferred().digest == digest
    with pytest.raises(VisaeError, match="resnet18 lists no weights"):
        NetworkCard("resnet18", "t", "d", "l", "o", ()).preferred()


# The SHA values are FIPS 180's examples; the blob ids are what `git hash-object` prints.
ABC_SHA1 = "a9993e364706816aba3e25717850c26c9cd0d89d"
ABC_SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
KNOWN = [
    ("sha1", b"abc", ABC_SHA1),
    ("sha256", b"abc", ABC_SHA256),
    ("git_blob", b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
    ("git_blob", b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
]


@pytest.mark.parametrize(("kind", "content", "value"), KNOWN)
def test_known_digests(tmp_path, kind, content, value):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert FileDigest(kind, value).compute(path) == value
    assert FileDigest(kind, value).matches(path)
    path.write_bytes(content + b"x")
    assert not FileDigest(kind, value).matches(path)


def test_a_prefix_matches_digests_that_begin_with_it(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    digest = FileDigest("sha256_prefix", ABC_SHA256[:8])
    assert digest.compute(path) == ABC_SHA256
    assert digest.matches(path)
    assert not FileDigest("sha256_prefix", ABC_SHA256[1:9]).matches(path)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("md5", "0" * 32, "'md5'"),
        ("sha1", ABC_SHA256, "40"),
        ("sha256", ABC_SHA256.upper(), "lower-case"),
        ("git_blob", "g" * 40, "hexadecimal"),
        ("sha256_prefix", "ba7816b", "8 to 64"),
    ],
)
def test_impossible_digests_are_refused(kind, value, message):
    with pytest.raises(VisaeError, match=message):
        FileDigest(kind, value)


def test_text_of_a_digest():
    assert str(FileDigest("git_blob", "0" * 40)) == f"git blob {'0' * 40}"
    assert str(FileDigest("sha256_prefix", "f37072fd")) == "SHA-256 beginning with f37072fd"
