"""Whose photographs they are."""

import pytest

from visae.errors import VisaeError
from visae.viz.atlas.credits import Credit, credits_of, manifest_of, read_credits

TABLE = "file,author,licence,origin_url,source\na/x.jpg,Ada,CC BY,https://a.org,A\nb/x.jpg,,CC0,,B\n"


def test_the_longest_end_of_a_path_counts(tmp_path):
    (tmp_path / "manifest.csv").write_text(TABLE)
    known = read_credits(tmp_path / "manifest.csv")
    ada, b = Credit("Ada", "CC BY", "https://a.org"), Credit("B", "CC0", "B")
    found = credits_of(["a/x.jpg", "/somewhere/photos/b/x.jpg", "x.jpg", "c/x.jpg"], known)
    assert found == [ada, b, Credit(), Credit()]


def test_it_is_found_beside_the_photographs_or_above(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert manifest_of(str(tmp_path / "a" / "b")) is None
    (tmp_path / "manifest.csv").write_text(TABLE)
    assert manifest_of(str(tmp_path / "a")) == tmp_path / "manifest.csv"
    assert manifest_of(str(tmp_path)) == tmp_path / "manifest.csv"


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"author,licence\n", "has the columns author, licence"), (b"", "none"), (b"file\n\xff", "no table")],
)
def test_what_is_no_such_table_is_refused(tmp_path, content, words):
    (tmp_path / "m.csv").write_bytes(content)
    with pytest.raises(VisaeError, match=words):
        read_credits(tmp_path / "m.csv")
    with pytest.raises(VisaeError, match="cannot read"):
        read_credits(tmp_path / "none.csv")
