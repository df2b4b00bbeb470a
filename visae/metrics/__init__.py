"""Metrics: one definition each."""

from visae.metrics.activity import Activity as Activity
from visae.metrics.activity import activity as activity
from visae.metrics.activity import planted_rows as planted_rows
from visae.metrics.constituents import Constituents as Constituents
from visae.metrics.constituents import constituents as constituents
from visae.metrics.fidelity import Fidelity as Fidelity
from visae.metrics.fidelity import Firing as Firing
from visae.metrics.fidelity import fidelity as fidelity
from visae.metrics.fidelity import fidelity_and_firing as fidelity_and_firing
from visae.metrics.fidelity import firing as firing
from visae.metrics.matching import match as match
from visae.metrics.recovery import Recovery as Recovery
from visae.metrics.recovery import recovery as recovery
from visae.metrics.spliced import Spliced as Spliced
from visae.metrics.spliced import loss_recovered as loss_recovered
from visae.metrics.spliced import mean_row as mean_row
from visae.metrics.stability import stability as stability
