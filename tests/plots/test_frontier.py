import pytest

from visae._support.errors import VisaeError
from visae.plots import FrontierPoint, plot_evaluation, plot_frontier
from visae.plots import _frontier as frontier
from visae.sae import LineStyle, kinds, style_of

PANELS = {"ev": "explained variance", "loss": "loss recovered", "matched": "planted matched"}


def point(kind, l0, **metrics):
    return FrontierPoint(kind, l0, metrics)


@pytest.fixture
def plot(saved_figures, tmp_path):
    """Plot points, and return the figure that would be saved."""

    def plot(*points, **options):
        figures = saved_figures(frontier)
        plot_frontier(points, PANELS, "a title", tmp_path / "frontier.png", **options)
        return figures[0]

    return plot


def lines_of(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def looks_of(axes):
    return {line.get_label(): (line.get_color(), line.get_marker(), line.get_linestyle()) for line in axes.lines}


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].texts]


def test_one_line_per_kind_with_its_points_in_the_order_of_l0(plot):
    figure = plot(
        point("topk", 8.0, ev=0.9), point("relu", 30.0, ev=0.7), point("topk", 2.0, ev=0.5), point("relu", 4.0, ev=0.3)
    )
    (axes,) = figure.axes
    assert lines_of(axes) == {"topk": [[2, 0.5], [8, 0.9]], "relu": [[4, 0.3], [30, 0.7]]}
    assert axes.get_ylabel() == "explained variance"
    assert axes.get_xscale() == "log"
    assert "L0" in axes.get_xlabel()
    assert figure.get_suptitle() == "a title"
    assert legend_of(figure) == ["relu", "topk"]


PRESENT = [
    ([{"ev": 0.5}, {"ev": 0.6}], ["explained variance"]),
    ([{"ev": 0.5, "loss": None}], ["explained variance"]),
    ([{"ev": 0.5}, {"ev": 0.6, "matched": 0.0}], ["explained variance", "planted matched"]),
    ([{"loss": 0.1, "ev": 0.5, "matched": 1.0, "other": 3.0}], list(PANELS.values())),
    ([{"other": 1.0}], []),
    ([], []),
]


@pytest.mark.parametrize(("metrics", "labels"), PRESENT)
def test_one_panel_per_metric_that_any_point_has(plot, metrics, labels):
    figure = plot(*(point("topk", 2.0 + index, **each) for index, each in enumerate(metrics)))
    assert [axes.get_ylabel() for axes in figure.axes] == labels


def test_points_without_a_metric_are_left_out_of_its_panel(plot):
    figure = plot(point("topk", 2, ev=0.5), point("topk", 4, ev=0.6, loss=0.2), point("topk", 8, ev=0.7, loss=None))
    assert [lines_of(axes)["topk"] for axes in figure.axes] == [[[2, 0.5], [4, 0.6], [8, 0.7]], [[4, 0.2]]]


def test_a_kind_looks_the_same_in_every_panel_and_unlike_the_others(plot):
    names = [name for name, config in kinds().items() if config.__module__.startswith("visae.")]
    figure = plot(*(point(kind, 2 + i, loss=0.1, **({} if i == 1 else {"ev": 0.2})) for i, kind in enumerate(names)))
    looks = [looks_of(axes) for axes in figure.axes]
    assert looks[0] == looks[1]
    assert len(set(looks[0].values())) == len(names)
    assert len({colour for colour, _, _ in looks[0].values()}) == len(names)


def test_unknown_kinds_are_drawn_in_grey_after_the_others_and_differ_in_their_markers(plot):
    figure = plot(point("mine", 2, ev=0.5), point("yours", 4, ev=0.6), point("topk", 4, ev=0.7))
    assert legend_of(figure) == ["topk", "mine", "yours"]
    lines, looks = lines_of(figure.axes[0]), looks_of(figure.axes[0])
    assert lines["mine"] == [[2, 0.5]]
    assert lines["yours"] == [[4, 0.6]]
    assert looks["mine"][0] == looks["yours"][0] == style_of("mine").colour
    assert looks["mine"][1] != looks["yours"][1]


def test_styles_can_be_given(plot):
    figure = plot(point("mine", 2, ev=0.5), style_of=lambda _: LineStyle("red", "+", ":"))
    assert looks_of(figure.axes[0]) == {"mine": ("red", "+", ":")}


@pytest.mark.parametrize("suffix", [".png", ".PDF", ".svg"])
@pytest.mark.parametrize(
    "points", [[], [point("topk", 2, ev=0.5)], [point("topk", 0.0, ev=0.5), point("relu", 3, ev=1)]]
)
def test_the_file_is_written(tmp_path, suffix, points):
    path = tmp_path / "new" / f"frontier{suffix}"
    plot_frontier(points, PANELS, "a title", path)
    assert path.stat().st_size > 1000


@pytest.mark.parametrize("l0", [0.0, 1e-3, 1.0])
def test_dictionaries_whose_features_never_fire_can_be_plotted(tmp_path, l0):
    plot_frontier([point("relu", 0.0, ev=0.0), point("topk", l0, ev=0.0)], PANELS, "a title", tmp_path / "frontier.png")
    assert (tmp_path / "frontier.png").exists()


@pytest.mark.parametrize("name", ["frontier.foo", "frontier", "frontier.toml"])
def test_unknown_suffixes_are_refused(tmp_path, name):
    with pytest.raises(VisaeError, match=r"name a \.png, \.pdf or \.svg"):
        plot_frontier([point("topk", 2, ev=0.5)], PANELS, "a title", tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_evaluations_are_plotted_without_stopped_dictionaries(saved_figures, tmp_path):
    figures = saved_figures(frontier)
    evaluated = {
        "a": {"kind": "topk", "l0": 2.0, "explained_variance": 0.5, "matched_fraction": 0.25},
        "b": {"kind": "topk", "l0": 4.0, "explained_variance": 0.75},
        "c": {"kind": "relu", "l0": 4.0, "explained_variance": None, "stopped": "diverged at step 3"},
    }
    plot_evaluation(evaluated, "a title", tmp_path / "frontier.png")
    assert [axes.get_ylabel() for axes in figures[0].axes] == ["explained variance", "planted features matched"]
    assert [lines_of(axes) for axes in figures[0].axes] == [{"topk": [[2, 0.5], [4, 0.75]]}, {"topk": [[2, 0.25]]}]


def test_the_neurons_are_drawn_behind_what_is_held_against_them(plot):
    figure = plot(point("topk", 8, ev=0.9), point("relu", 2, loss=0.4), neurons={"ev": [(2, 0.6), (8, 0.95)]})
    assert lines_of(figure.axes[0])["neurons, on average"] == [[2, 0.6], [8, 0.95]]
    assert "neurons, on average" not in lines_of(figure.axes[1])
    assert legend_of(figure) == ["relu", "topk", "neurons, on average"]
    *dictionaries, neurons = figure.axes[0].lines
    assert all(line.get_zorder() > neurons.get_zorder() for line in dictionaries)


def test_evaluations_are_plotted_beside_the_neurons_over_their_l0(saved_figures, tmp_path):
    figures, curve = saved_figures(frontier), [[1.0, 0.3], [4.0, 0.8], [16.0, 1.0]]
    shared = {"kind": "topk", "explained_variance": 0.5, "bits": 40.0, "neurons_curve": curve}
    evaluated = {
        "a": {**shared, "l0": 8.0, "neurons_explained_variance": 0.9, "neurons_bits": 35.0},
        "b": {**shared, "l0": 2.0, "neurons_explained_variance": 0.6, "neurons_bits": 37.0},
        "silent": {**shared, "l0": 0.0, "neurons_explained_variance": 0.0, "neurons_bits": 1.0},
        "earlier": {"kind": "relu", "l0": 32.0, "explained_variance": 0.7},
    }
    plot_evaluation(evaluated, "a title", tmp_path / "frontier.png")
    neurons = [lines_of(axes)["neurons, on average"] for axes in figures[0].axes]
    assert neurons == [[[2, 0.6], [4, 0.8], [8, 0.9]], [[2, 36], [8, 36]]]


def test_bits_are_spaced_by_their_ratio(saved_figures, tmp_path):
    figures = saved_figures(frontier)
    plot_evaluation({"a": {"kind": "topk", "l0": 4.0, "bits": 30.0}}, "a title", tmp_path / "frontier.png")
    assert [axes.get_yscale() for axes in figures[0].axes] == ["log"]
    assert legend_of(figures[0]) == ["topk"]


def test_nulls_have_lines_of_their_own(tmp_path, saved_figures):
    """Other directions, and frozen parts, are not drawn as the kind that learned."""
    figures, shared = saved_figures(frontier), {"explained_variance": 0.5}
    configs = [("topk", {"freeze": "none"}), ("topk", {"freeze": "decoder"}), ("mod", {"start": "rows"})]
    configs += [("pursuit", {"start": start}) for start in ("rows", "random")] + [("mod", {"k": 2, "most": 2})]
    evaluated = {
        str(index): {"kind": kind, "config": config, "l0": 2.0 + index, **shared}
        for index, (kind, config) in enumerate(configs)
    }
    plot_evaluation(evaluated, "a title", tmp_path / "frontier.png")
    lines = {line.get_label(): line for line in figures[0].axes[0].lines}
    assert set(lines) == {"topk", "topk, decoder frozen", "mod", "mod, k a row", "pursuit, rows", "pursuit, random"}
    assert lines["topk, decoder frozen"].get_color() == lines["topk"].get_color()
    assert len({(line.get_color(), line.get_marker()) for line in lines.values()}) == 6
