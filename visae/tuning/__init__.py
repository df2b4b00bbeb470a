"""Tuning: stimuli, the curve sweep, and what tuning curves say."""

from visae.tuning.curves import Curves as Curves
from visae.tuning.curves import load_curves as load_curves
from visae.tuning.curves import plot_curves as plot_curves
from visae.tuning.sweep import curves as curves
