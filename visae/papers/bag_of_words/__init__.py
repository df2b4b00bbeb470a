"""Prieto et al., "From Data Statistics to Feature Geometry" (arXiv 2603.09972): the bag of words."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
