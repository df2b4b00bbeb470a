from ._autoencoders import Recipe as Recipe
from ._autoencoders import Stack as Stack
from ._coactivation import agreement as agreement
from ._coactivation import correlation as correlation
from ._fitting import Drawn as Drawn
from ._fitting import Fitting as Fitting
from ._fitting import fit as fit
from ._reproduce import bag_of_words as bag_of_words
