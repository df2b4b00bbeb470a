"""Plots, in one style: tuning curves, coverage, frontiers, dataset examples, decomposed neurons."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
