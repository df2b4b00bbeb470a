"""The bag of words (Prieto et al., arXiv 2603.09972): how what fires together shapes directions in superposition.

Tied autoencoders over binary bags with too few latents for their features. `coactivation`, `interference` and `rings`
measure plain tensors, whatever model they come from.
"""

from visae.toys.bag_of_words.autoencoders import Recipe as Recipe
from visae.toys.bag_of_words.autoencoders import Stack as Stack
from visae.toys.bag_of_words.coactivation import agreement as agreement
from visae.toys.bag_of_words.coactivation import correlation as correlation
from visae.toys.bag_of_words.fitting import Drawn as Drawn
from visae.toys.bag_of_words.fitting import Fitting as Fitting
from visae.toys.bag_of_words.fitting import fit as fit
