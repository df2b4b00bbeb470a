"""Plots of tuning: radial curves, maps of orientation and radius, and how a family covers the circle."""

from visae.tuning.plots.composed import Composed as Composed
from visae.tuning.plots.composed import draw_composed as draw_composed
from visae.tuning.plots.coverage import Envelope as Envelope
from visae.tuning.plots.coverage import draw_coverage as draw_coverage
from visae.tuning.plots.distribution import draw_selectivity as draw_selectivity
from visae.tuning.plots.heatmap import draw_heatmaps as draw_heatmaps
from visae.tuning.plots.natural import Twice as Twice
from visae.tuning.plots.natural import draw_natural as draw_natural
from visae.tuning.plots.radial import Panel as Panel
from visae.tuning.plots.radial import draw as draw
