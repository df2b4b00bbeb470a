"""Whose photographs they are."""

import pytest

from visae._support.errors import VisaeError
from visae.atlas import find_credits
from visae.atlas._credits import Credit

TABLE = "file,author,licence,origin_url,source\na/x.jpg,Ada,CC BY,https://a.org,A\nx.jpg,Ann,,,\nb/x.jpg,,CC0,,B\n,,,\n"
ADA, ANN, B = Credit("Ada", "CC BY", "https://a.org"), Credit("Ann"), Credit("B", "CC0", "B")


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "far" / "photographs"
    (folder / "a").mkdir(parents=True)
    (folder / "manifest.csv").write_bytes(b"\xef\xbb\xbf" + TABLE.encode())
    return folder


def test_a_file_is_that_very_file(photographs):
    keys = ["a/x.jpg", "b/x.jpg", "c/x.jpg", "x.jpg"]
    assert find_credits(str(photographs), keys) == {"a/x.jpg": ADA, "b/x.jpg": B, "x.jpg": ANN}
    assert find_credits(str(photographs / "a"), ["x.jpg", "y.jpg"]) == {"x.jpg": ADA}


def test_paths_of_a_list_may_be_absolute(photographs, tmp_path):
    listed = tmp_path / "list.txt"
    listed.touch()
    keys = [str(photographs / "a" / "x.jpg"), "far/photographs/b/x.jpg"]
    assert find_credits(str(listed), keys) == {}
    found = find_credits(str(listed), keys, photographs / "manifest.csv")
    assert found == {keys[0]: ADA, keys[1]: B}


def test_one_that_lies_elsewhere_is_of_the_photographs(photographs, tmp_path):
    other = tmp_path / "credits.csv"
    other.write_text("file,author\na/x.jpg,Eve\n")
    assert find_credits(str(photographs), ["a/x.jpg"], other) == {"a/x.jpg": Credit("Eve")}


def test_nobody_took_dead_leaves(tmp_path, monkeypatch):
    (tmp_path / "manifest.csv").write_text("rubbish\n")
    monkeypatch.chdir(tmp_path)
    assert find_credits("leaves:3", ["leaf 0"]) == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"author,licence\n", "has the columns author, licence"),
        (b"file,who\n", "has the columns file, who"),
        (b"", "none"),
        (b"file,author\n\xff", "no table"),
    ],
)
def test_what_is_no_such_table_is_refused_if_it_was_asked_for(tmp_path, capsys, content, words):
    (tmp_path / "manifest.csv").write_bytes(content)
    with pytest.raises(VisaeError, match=words):
        find_credits(str(tmp_path), ["x.jpg"], tmp_path / "manifest.csv")
    with pytest.raises(VisaeError, match="cannot read"):
        find_credits(str(tmp_path), ["x.jpg"], tmp_path / "none.csv")
    assert find_credits(str(tmp_path), ["x.jpg"]) == {}
    assert words in capsys.readouterr().err
