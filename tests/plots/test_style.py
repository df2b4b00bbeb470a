import pytest
from matplotlib.figure import Figure

from visae._support.errors import VisaeError
from visae.plots._style import save_figure

BEGINNINGS = [("a.png", b"\x89PNG"), ("a.PNG", b"\x89PNG"), ("a.pdf", b"%PDF"), ("a.b.svg", b"<?xml")]


@pytest.mark.parametrize(("name", "beginning"), BEGINNINGS)
def test_the_suffix_says_the_format(tmp_path, name, beginning):
    save_figure(Figure(), tmp_path / "new" / name)
    assert (tmp_path / "new" / name).read_bytes().startswith(beginning)
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]


NONE = [
    ("a.foo", r"a plot cannot be a \.foo: .*a\.foo; name a \.png, \.pdf or \.svg"),
    ("a", "a plot cannot be a file without suffix: .*a; name a"),
    (".png", "a plot cannot be a file without suffix"),
]


@pytest.mark.parametrize(("name", "said"), NONE)
def test_what_is_no_format_is_refused_and_leaves_nothing(tmp_path, name, said):
    with pytest.raises(VisaeError, match=said):
        save_figure(Figure(), tmp_path / "new" / name)
    assert not (tmp_path / "new").exists()


def test_a_picture_that_cannot_be_drawn_leaves_the_one_before(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"before")

    def fail(*_, **__):
        raise ValueError("no pen")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(ValueError, match="no pen"):
        save_figure(Figure(), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"before"
