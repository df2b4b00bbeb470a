"""Plots: tuning curves, coverage, frontiers, dataset examples, decomposed neurons; one style for all."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
