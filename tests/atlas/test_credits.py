"""Credits of photographs, looked up in manifests."""

import pytest

from visae._support.errors import VisaeError
from visae.atlas import Credit, find_credits

TABLE = "file,author,licence,origin_url,source\na/x.jpg,Ada,CC BY,https://a.org,A\nx.jpg,Ann,,,\nb/x.jpg,,CC0,,B\n,,,\n"
ADA, ANN, B = Credit("Ada", "CC BY", "https://a.org"), Credit("Ann"), Credit("B", "CC0", "B")


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "far" / "photographs"
    (folder / "a").mkdir(parents=True)
    (folder / "manifest.csv").write_bytes(b"\xef\xbb\xbf" + TABLE.encode())
    return folder


def test_files_match_by_path(photographs):
    keys = ["a/x.jpg", "b/x.jpg", "c/x.jpg", "x.jpg"]
    assert find_credits(str(photographs), keys) == {"a/x.jpg": ADA, "b/x.jpg": B, "x.jpg": ANN}
    assert find_credits(str(photographs / "a"), ["x.jpg", "y.jpg"]) == {"x.jpg": ADA}


def test_absolute_paths_of_a_list(photographs, tmp_path):
    listed = tmp_path / "list.txt"
    listed.touch()
    keys = [str(photographs / "a" / "x.jpg"), "far/photographs/b/x.jpg"]
    assert find_credits(str(listed), keys) == {}
    credits = find_credits(str(listed), keys, photographs / "manifest.csv")
    assert credits == {keys[0]: ADA, keys[1]: B}


def test_manifest_elsewhere_names_files_relative_to_the_photographs(photographs, tmp_path):
    manifest = tmp_path / "credits.csv"
    manifest.write_text("file,author\na/x.jpg,Eve\n")
    assert find_credits(str(photographs), ["a/x.jpg"], manifest) == {"a/x.jpg": Credit("Eve")}


def test_a_named_manifest_that_credits_none_of_the_photographs_is_reported(photographs, tmp_path, capsys):
    manifest = tmp_path / "credits.csv"
    manifest.write_text("file,author\nc/z.jpg,Eve\nc/y.jpg,Eve\n")
    assert find_credits(str(photographs), ["a/x.jpg", "x.jpg"], manifest) == {}
    assert capsys.readouterr().err == (
        f"{manifest} credits none of the 2 images: it lists 2 files, the first 'c/z.jpg', which are looked for in "
        f"{photographs} and beside the table\n"
    )
    manifest.write_text("file,author\n")
    assert find_credits(str(photographs), ["x.jpg"], manifest) == {}
    assert "it lists 0 files, which" in capsys.readouterr().err
    find_credits(str(photographs), ["c/x.jpg"])
    assert capsys.readouterr().err == ""


def test_dead_leaves_have_no_credits(tmp_path, monkeypatch):
    (tmp_path / "manifest.csv").write_text("rubbish\n")
    monkeypatch.chdir(tmp_path)
    assert find_credits("leaves:3", ["leaf 0"]) == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"author,licence\n", "columns author, licence"),
        (b"file,who\n", "columns file, who"),
        (b"", "columns none"),
        (b"file,author\n\xff", "not a table"),
    ],
)
def test_invalid_manifest_is_refused_if_named_and_ignored_if_not(tmp_path, capsys, content, message):
    (tmp_path / "manifest.csv").write_bytes(content)
    with pytest.raises(VisaeError, match=message):
        find_credits(str(tmp_path), ["x.jpg"], tmp_path / "manifest.csv")
    with pytest.raises(VisaeError, match="cannot read"):
        find_credits(str(tmp_path), ["x.jpg"], tmp_path / "none.csv")
    assert find_credits(str(tmp_path), ["x.jpg"]) == {}
    assert message in capsys.readouterr().err
