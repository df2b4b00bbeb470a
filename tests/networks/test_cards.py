import pytest

from visae._support.errors import VisaeError
from visae.networks import _cards as cards
from visae.networks._cards import Card, Digest, WeightsFile

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


def test_the_published_cards():
    assert {"inceptionv1", "inceptionv1-caffe"} <= set(cards.names())
    for name in cards.names():
        assert cards.card(name).name == name
    (tf,) = cards.card("inceptionv1").weights
    assert tf.digest == Digest("git_blob", "119f77db85c8352960933e025312b507d9a96ed7")
    assert tf.file == "inception5h.pth"
    (caffe,) = cards.card("inceptionv1-caffe").weights
    assert caffe.digest == Digest("sha1", SHA1)
    assert cards.card("inceptionv1-caffe").file_names() == (
        "bvlc_googlenet.caffemodel",
        "inceptionv1_caffe.npz",
    )


def test_a_card_is_read_whole(tmp_path):
    path = tmp_path / "toy.toml"
    path.write_text(GOOD)
    npz = WeightsFile("toy.npz", "https://example.org/toy.npz", Digest("sha1", SHA1), 12, ("toy-old.npz",))
    pth = WeightsFile("toy.pth", "https://example.org/toy.pth", Digest("git_blob", SHA1))
    card = cards.read(path)
    assert card == Card("toy", "Toy", "A toy.", "MIT", "here", (npz, pth))
    assert card.preferred() == npz
    assert card.file_names() == ("toy.npz", "toy-old.npz", "toy.pth")


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(VisaeError, match=r"no network card named .*; the nearest are .*inceptionv1"):
        cards.card("inceptionv2")


def test_a_name_cannot_lead_out_of_the_folder():
    with pytest.raises(VisaeError, match="no network card"):
        cards.card("../pyproject")


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


@pytest.mark.parametrize(("good", "broken", "said"), BROKEN)
def test_a_broken_card_is_refused_and_the_fault_named(tmp_path, good, broken, said):
    assert good in GOOD
    path = tmp_path / "toy.toml"
    path.write_text(GOOD.replace(good, broken, 1))
    with pytest.raises(VisaeError, match=said) as caught:
        cards.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_must_be_tables(tmp_path):
    path = tmp_path / "toy.toml"
    path.write_text(GOOD[: GOOD.index("[[")] + "weights = [1]\n")
    with pytest.raises(VisaeError, match="list of tables"):
        cards.read(path)


def test_a_card_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(VisaeError, match="does not exist"):
        cards.read(tmp_path / "toy.toml")
    (tmp_path / "toy.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(VisaeError, match="not TOML"):
        cards.read(tmp_path / "toy.toml")


def test_a_card_made_in_code():
    digest = Digest("sha256_prefix", "f37072fd")
    entry = WeightsFile("resnet18-f37072fd.pth", "https://example.org/resnet18-f37072fd.pth", digest)
    assert Card("resnet18", "t", "d", "l", "o", (entry,)).preferred().digest == digest
    with pytest.raises(VisaeError, match="resnet18 lists no weights"):
        Card("resnet18", "t", "d", "l", "o", ()).preferred()
