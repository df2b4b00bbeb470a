from ._measures import features_in_gaps as features_in_gaps
from ._populations import MeasuredPopulation as MeasuredPopulation
from ._populations import measure_populations as measure_populations
from ._reproduce import reproduce as reproduce
