"""Dataset examples: where in which images units fire, most and at quantiles, and their maps over those images."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
