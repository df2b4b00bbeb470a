"""Dataset examples: where in which images units fire, most and at quantiles, and their maps over those images."""

from visae.examples.border import clear_of_border
from visae.examples.found import Examples, Found, joined_examples
from visae.examples.heat import Heat, heat_maps
from visae.examples.search import QUANTILES, find, strongest

__all__ = [
    "QUANTILES",
    "Examples",
    "Found",
    "Heat",
    "clear_of_border",
    "find",
    "heat_maps",
    "joined_examples",
    "strongest",
]
