from ._gaps import features_in_gaps as features_in_gaps
from ._reproduce import reproduce as reproduce
