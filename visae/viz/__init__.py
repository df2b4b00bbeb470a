"""Pictures: of what units want to see, of what was found, and of neurons taken apart.

Feature visualisation has four nouns, each usable alone: an objective scores pictures, a parameterisation makes them, a
transform shakes them, and `render` takes the steps.
"""

from visae.viz import objectives as objectives
from visae.viz import parameterisations as parameterisations
from visae.viz import transforms as transforms
from visae.viz.case import draw_case as draw_case
from visae.viz.frontier import plot_frontier as plot_frontier
from visae.viz.kernels import effective_kernels as effective_kernels
from visae.viz.lucent import lucent_objective as lucent_objective
from visae.viz.objectives import Objective as Objective
from visae.viz.objectives import unit as unit
from visae.viz.png import save_png as save_png
from visae.viz.png import save_sheet as save_sheet
from visae.viz.render import Rendered as Rendered
from visae.viz.render import render as render
from visae.viz.render import render_chunks as render_chunks
from visae.viz.steps import Optimisation as Optimisation
