"""Heatmaps on one scale, each group in rows of its own."""

from pathlib import Path

import numpy as np

from visae.plots import _heatmaps as heatmaps

RADII = np.array([4.0, 8.0, 16.0])


def maps(count, height):
    return {f"{height} {index}": np.full((3, 8), height) for index in range(count)}


def test_groups_begin_a_row_and_share_a_scale(saved_figures):
    figures = saved_figures(heatmaps)
    heatmaps.plot_heatmaps([maps(2, 1.0), {}, maps(7, 5.0)], RADII, "sd", "title", Path("x.png"))
    axes = figures[0].axes[:15]
    titles = [panel.get_title() if panel.get_visible() else None for panel in axes]
    assert titles[:5] == ["1.0 0", "1.0 1", None, None, None]
    assert titles[5:12] == [f"5.0 {index}" for index in range(7)]
    assert titles[12:] == [None] * 3
    images = [panel.images[0] for panel in axes if panel.get_visible()]
    assert {(image.norm.vmin, image.norm.vmax) for image in images} == {(0, 5.0)}
    labelled = [panel.xaxis.get_tick_params()["labelbottom"] for panel in axes[5:12]]
    assert labelled == [False, False, True, True, True, True, True]


def test_large_radii_are_at_the_top(saved_figures):
    figures = saved_figures(heatmaps)
    rows = np.arange(3.0)[:, None] * np.ones((1, 8))
    heatmaps.plot_heatmaps([{"unit": rows}], RADII, "sd", "title", Path("x.png"))
    panel = figures[0].axes[0]
    assert panel.images[0].get_array()[0, 0] == 2
    assert [label.get_text() for label in panel.get_yticklabels()] == ["4", "8", "16"]


def test_cells_are_centred_on_their_orientations(saved_figures):
    figures = saved_figures(heatmaps)
    heatmaps.plot_heatmaps([maps(1, 1.0)], RADII, "sd", "title", Path("x.png"))
    left, right = figures[0].axes[0].images[0].get_extent()[:2]
    assert (left, right) == (-22.5, 337.5)
