from ._kinds import STIMULI as STIMULI
from ._kinds import Stimulus as Stimulus
from ._kinds import stimulus as stimulus
