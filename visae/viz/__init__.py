"""Pictures of what was found."""

from visae.viz.frontier import plot_frontier as plot_frontier
