"""Published results, one file or folder a paper: run it here, and put our number beside its number."""

from visae.reproduce.bag_of_words import bag_of_words as bag_of_words
from visae.reproduce.budget import Budget as Budget
from visae.reproduce.budget import usual as usual
from visae.reproduce.missing_curves import missing_curves as missing_curves
from visae.reproduce.persian_rug import persian_rug as persian_rug
from visae.reproduce.polysemantic import polysemantic as polysemantic
from visae.reproduce.superposition_in_curves import superposition_in_curves as superposition_in_curves
