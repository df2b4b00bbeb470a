"""Synthetic images with known parameters, antialiased, in pixels and degrees."""

from visae.tuning.stimuli.kinds import STIMULI as STIMULI
from visae.tuning.stimuli.kinds import Stimulus as Stimulus
from visae.tuning.stimuli.kinds import stimulus as stimulus
from visae.tuning.stimuli.sheet import draw_sheet as draw_sheet
