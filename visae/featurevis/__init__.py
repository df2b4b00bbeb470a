"""Feature visualisation: pictures optimised to activate a unit.

Four parts, as in lucid, each usable alone: an objective scores pictures, a parameterisation makes them from parameters,
a transform perturbs them on their way to the network, and `render` optimises them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
