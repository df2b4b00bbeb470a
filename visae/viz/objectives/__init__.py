"""What a picture is to be good at: the objectives."""

from visae.viz.objectives.across import alignment as alignment
from visae.viz.objectives.across import diversity as diversity
from visae.viz.objectives.across import interpolation as interpolation
from visae.viz.objectives.objective import Objective as Objective
from visae.viz.objectives.objective import Second as Second
from visae.viz.objectives.objective import Seen as Seen
from visae.viz.objectives.of_units import activation as activation
from visae.viz.objectives.of_units import along as along
from visae.viz.objectives.of_units import centre as centre
from visae.viz.objectives.of_units import direction as direction
from visae.viz.objectives.of_units import drive as drive
from visae.viz.objectives.of_units import everywhere as everywhere
from visae.viz.objectives.of_units import unit as unit
from visae.viz.objectives.penalties import opacity as opacity
from visae.viz.objectives.penalties import penalty as penalty
from visae.viz.objectives.penalties import roughness as roughness
from visae.viz.objectives.penalties import sparing as sparing
