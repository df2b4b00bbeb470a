import pytest
from matplotlib.figure import Figure

from visae._support.errors import VisaeError
from visae.plots._style import save_figure

BEGINNINGS = [("a.png", b"\x89PNG"), ("a.PNG", b"\x89PNG"), ("a.pdf", b"%PDF"), ("a.b.svg", b"<?xml")]


@pytest.mark.parametrize(("name", "beginning"), BEGINNINGS)
def test_the_suffix_decides_the_format(tmp_path, name, beginning):
    save_figure(Figure(), tmp_path / "new" / name)
    assert (tmp_path / "new" / name).read_bytes().startswith(beginning)
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]


REFUSED = [
    ("a.foo", r"\.foo: .*a\.foo; name a \.png, \.pdf or \.svg"),
    ("a", r"without suffix: .*a; name a \.png"),
    (".png", "without suffix"),
]


@pytest.mark.parametrize(("name", "message"), REFUSED)
def test_unknown_formats_are_refused_and_write_nothing(tmp_path, name, message):
    with pytest.raises(VisaeError, match=message):
        save_figure(Figure(), tmp_path / "new" / name)
    assert not (tmp_path / "new").exists()


def test_a_figure_that_cannot_be_drawn_leaves_the_previous_file(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"before")

    def fail(*_, **__):
        raise ValueError("no pen")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(ValueError, match="no pen"):
        save_figure(Figure(), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"before"
