"""Plots: tuning curves, coverage, the frontier, dataset examples, neurons taken apart; one style for all."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
