import pytest

from visae._support.errors import VisaeError
from visae.plots import _frontier as frontier
from visae.plots import plot_frontier
from visae.plots._frontier import Point
from visae.sae._registry import KINDS

PANELS = {"ev": "explained variance", "loss": "loss recovered", "matched": "planted matched"}


def point(kind, l0, **figures):
    return Point(kind, l0, figures)


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Draws points, and gives back the figure as it was saved."""

    def draw(*points):
        kept = []
        monkeypatch.setattr(frontier, "save_figure", lambda figure, path: kept.append((figure, path)))
        plot_frontier(points, PANELS, "a title", tmp_path / "frontier.png")
        assert kept[0][1] == tmp_path / "frontier.png"
        return kept[0][0]

    return draw


def lines_of(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_a_line_a_kind_with_its_points_in_the_order_of_l0(drawn):
    figure = drawn(
        point("topk", 8.0, ev=0.9), point("relu", 30.0, ev=0.7), point("topk", 2.0, ev=0.5), point("relu", 4.0, ev=0.3)
    )
    (axes,) = figure.axes
    assert lines_of(axes) == {"topk": [[2, 0.5], [8, 0.9]], "relu": [[4, 0.3], [30, 0.7]]}
    assert axes.get_ylabel() == "explained variance"
    assert axes.get_xscale() == "log"
    assert "L0" in axes.get_xlabel()
    assert figure.get_suptitle() == "a title"
    assert [text.get_text() for text in figure.legends[0].texts] == ["relu", "topk"]


PRESENT = [
    ([{"ev": 0.5}, {"ev": 0.6}], ["explained variance"]),
    ([{"ev": 0.5, "loss": None}], ["explained variance"]),
    ([{"ev": 0.5}, {"ev": 0.6, "matched": 0.0}], ["explained variance", "planted matched"]),
    ([{"loss": 0.1, "ev": 0.5, "matched": 1.0, "other": 3.0}], list(PANELS.values())),
    ([{"other": 1.0}], []),
    ([], []),
]


@pytest.mark.parametrize(("figures", "labels"), PRESENT)
def test_a_panel_for_each_figure_that_any_has(drawn, figures, labels):
    found = drawn(*(point("topk", 2.0 + index, **each) for index, each in enumerate(figures)))
    assert [axes.get_ylabel() for axes in found.axes] == labels


def test_points_without_a_figure_are_left_out_of_its_panel(drawn):
    found = drawn(point("topk", 2, ev=0.5), point("topk", 4, ev=0.6, loss=0.2), point("topk", 8, ev=0.7, loss=None))
    assert [lines_of(axes)["topk"] for axes in found.axes] == [[[2, 0.5], [4, 0.6], [8, 0.7]], [[4, 0.2]]]


def test_a_kind_looks_the_same_in_every_panel_and_unlike_the_others(drawn):
    kinds = list(KINDS)
    assert len(kinds) == 12
    found = drawn(*(point(kind, 2 + i, loss=0.1, **({} if i == 1 else {"ev": 0.2})) for i, kind in enumerate(kinds)))
    looks = [{line.get_label(): (line.get_color(), line.get_marker()) for line in axes.lines} for axes in found.axes]
    assert looks[0] == looks[1]
    assert len(set(looks[0].values())) == 12
    assert len({colour for colour, _ in looks[0].values()}) == 12


@pytest.mark.parametrize("suffix", [".png", ".PDF", ".svg"])
@pytest.mark.parametrize(
    "points", [[], [point("topk", 2, ev=0.5)], [point("topk", 0.0, ev=0.5), point("relu", 3, ev=1)]]
)
def test_a_picture_is_written(tmp_path, suffix, points):
    path = tmp_path / "new" / f"frontier{suffix}"
    plot_frontier(points, PANELS, "a title", path)
    assert path.stat().st_size > 1000


@pytest.mark.parametrize("l0", [0.0, 1e-3, 1.0])
def test_a_dictionary_whose_features_never_fire_can_be_drawn(tmp_path, l0):
    plot_frontier([point("relu", 0.0, ev=0.0), point("topk", l0, ev=0.0)], PANELS, "a title", tmp_path / "frontier.png")
    assert (tmp_path / "frontier.png").exists()


@pytest.mark.parametrize("name", ["frontier.foo", "frontier", "frontier.toml"])
def test_an_unknown_suffix_is_refused(tmp_path, name):
    with pytest.raises(VisaeError, match=r"a plot cannot be a .*; name a \.png, \.pdf or \.svg"):
        plot_frontier([point("topk", 2, ev=0.5)], PANELS, "a title", tmp_path / name)
    assert list(tmp_path.iterdir()) == []
