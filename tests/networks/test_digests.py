import pytest

from visae._support.errors import VisaeError
from visae.networks._digests import Digest

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
    assert Digest(kind, value).of(path) == value
    assert Digest(kind, value).matches(path)
    path.write_bytes(content + b"x")
    assert not Digest(kind, value).matches(path)


def test_a_prefix_matches_the_digest_that_begins_with_it(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    digest = Digest("sha256_prefix", ABC_SHA256[:8])
    assert digest.of(path) == ABC_SHA256
    assert digest.matches(path)
    assert not Digest("sha256_prefix", ABC_SHA256[1:9]).matches(path)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("md5", "0" * 32, "'md5'"),
        ("sha1", ABC_SHA256, "40"),
        ("sha256", ABC_SHA256.upper(), "lower-case"),
        ("git_blob", "g" * 40, "hexadecimal"),
        ("sha256_prefix", "ba7816b", "8 to 64"),
    ],
)
def test_what_can_be_no_digest_is_refused(kind, value, said):
    with pytest.raises(VisaeError, match=said):
        Digest(kind, value)


def test_a_digest_reads_as_people_write_it():
    assert str(Digest("git_blob", "0" * 40)) == f"git blob {'0' * 40}"
    assert str(Digest("sha256_prefix", "f37072fd")) == "SHA-256 beginning with f37072fd"
