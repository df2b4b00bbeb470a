"""Maps on one scale, each group in rows of its own."""

from pathlib import Path

import numpy as np

from visae.plots import _heatmap as heatmap


def maps(count, height):
    return {f"{height} {index}": np.full((3, 8), height) for index in range(count)}


def test_groups_begin_a_row_and_share_a_scale(drawn):
    figures = drawn(heatmap)
    radii = np.array([4.0, 8.0, 16.0])
    heatmap.draw_heatmaps("title", [maps(2, 1.0), {}, maps(7, 5.0)], radii, "sd", Path("x.png"))
    axes = figures[0].axes[:15]
    titles = [cell.get_title() if cell.get_visible() else None for cell in axes]
    assert titles[:5] == ["1.0 0", "1.0 1", None, None, None]
    assert titles[5:12] == [f"5.0 {index}" for index in range(7)]
    assert titles[12:] == [None] * 3
    shown = [cell.images[0] for cell in axes if cell.get_visible()]
    assert {(image.norm.vmin, image.norm.vmax) for image in shown} == {(0, 5.0)}


def test_large_radii_are_at_the_top(drawn):
    figures = drawn(heatmap)
    rows = np.arange(3.0)[:, None] * np.ones((1, 8))
    heatmap.draw_heatmaps("title", [{"one": rows}], np.array([4.0, 8.0, 16.0]), "sd", Path("x.png"))
    assert figures[0].axes[0].images[0].get_array()[0, 0] == 2
    labels = [label.get_text() for label in figures[0].axes[0].get_yticklabels()]
    assert labels == ["4", "8", "16"]
