from ._measures import features_in_gaps as features_in_gaps
from ._reproduce import reproduce as reproduce
