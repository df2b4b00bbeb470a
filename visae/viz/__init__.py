"""Pictures of what was found."""

from visae.viz.case import draw_case as draw_case
from visae.viz.frontier import plot_frontier as plot_frontier
