"""Published results, one file a paper: run it here, and put our number beside its number."""

from visae.reproduce.budget import Budget as Budget
from visae.reproduce.budget import usual as usual
from visae.reproduce.missing_curves import missing_curves as missing_curves
from visae.reproduce.polysemantic import polysemantic as polysemantic
