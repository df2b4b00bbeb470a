"""Tuning: stimuli, sweeps of them over units, and what tuning curves say."""

from visae.tuning.curves import Curves as Curves
from visae.tuning.curves import load_curves as load_curves
from visae.tuning.curves import plot_curves as plot_curves
from visae.tuning.responses import Responses as Responses
from visae.tuning.responses import load_responses as load_responses
from visae.tuning.sweep import curves as curves
from visae.tuning.sweep import sweep as sweep
