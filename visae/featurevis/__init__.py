"""Feature visualisation: pictures that drive a unit.

Four nouns, each usable alone: an objective scores pictures, a parameterisation makes them, a transform perturbs them,
and `render` optimises.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
