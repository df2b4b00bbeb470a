"""Plots of tuning: radial curves, maps of orientation and radius, and how a family covers the circle."""

from visae.tuning.plots.coverage import draw_coverage as draw_coverage
from visae.tuning.plots.heatmap import draw_heatmaps as draw_heatmaps
from visae.tuning.plots.radial import Panel as Panel
from visae.tuning.plots.radial import draw as draw
