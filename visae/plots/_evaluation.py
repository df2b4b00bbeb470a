"""The frontier of evaluated dictionaries."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visae.plots._frontier import Point, plot_frontier

PANELS = {
    "explained_variance": "explained variance",
    "loss_recovered_zero": "loss recovered (floor: zeros)",
    "kl_recovered_zero": "KL recovered (floor: zeros)",
    "matched_fraction": "planted features matched",
}


def plot_evaluation(evaluated: Mapping[str, Mapping[str, Any]], title: str, path: Path) -> None:
    """Draw what `visae.evaluate` returned as a frontier over L0; dictionaries that were stopped are left out."""
    points = [
        Point(metrics["kind"], metrics["l0"], metrics) for metrics in evaluated.values() if "stopped" not in metrics
    ]
    plot_frontier(points, PANELS, title, path)
