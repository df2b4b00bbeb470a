"""Tuning: stimuli, sweeps of them over units, and what tuning curves say."""

from visae.tuning.battery import Battery as Battery
from visae.tuning.battery import battery as battery
from visae.tuning.coverage import Coverage as Coverage
from visae.tuning.coverage import coverage as coverage
from visae.tuning.coverage import coverages_over_criteria as coverages_over_criteria
from visae.tuning.coverage import grid_figures as grid_figures
from visae.tuning.curves import Curves as Curves
from visae.tuning.curves import load_curves as load_curves
from visae.tuning.curves import plot_curves as plot_curves
from visae.tuning.families import Criteria as Criteria
from visae.tuning.families import Families as Families
from visae.tuning.families import families as families
from visae.tuning.joint import Joint as Joint
from visae.tuning.joint import joint_tuning as joint_tuning
from visae.tuning.natural import natural_deviation as natural_deviation
from visae.tuning.portrait import Portrait as Portrait
from visae.tuning.portrait import medians as medians
from visae.tuning.portrait import portrait as portrait
from visae.tuning.responses import Responses as Responses
from visae.tuning.responses import load_responses as load_responses
from visae.tuning.sweep import curves as curves
from visae.tuning.sweep import sweep as sweep
