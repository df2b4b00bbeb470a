"""How pictures are made from numbers that can be optimised: the parameterisations."""

from visae.viz.parameterisations.alpha import Alpha as Alpha
from visae.viz.parameterisations.bounded import Bounded as Bounded
from visae.viz.parameterisations.colour import MEASURED as MEASURED
from visae.viz.parameterisations.colour import RGB as RGB
from visae.viz.parameterisations.colour import Colours as Colours
from visae.viz.parameterisations.colour import measure_colours as measure_colours
from visae.viz.parameterisations.fourier import Fourier as Fourier
from visae.viz.parameterisations.maco import Maco as Maco
from visae.viz.parameterisations.maco import natural_magnitude as natural_magnitude
from visae.viz.parameterisations.parameterisation import Parameterisation as Parameterisation
from visae.viz.parameterisations.pixels import Pixels as Pixels
from visae.viz.parameterisations.pyramid import Pyramid as Pyramid
from visae.viz.parameterisations.usual import usual as usual
