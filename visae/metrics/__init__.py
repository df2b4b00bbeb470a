"""Metrics: one definition each."""

from visae.metrics.fidelity import Fidelity as Fidelity
from visae.metrics.fidelity import fidelity as fidelity
from visae.metrics.recovery import Recovery as Recovery
from visae.metrics.recovery import recovery as recovery
