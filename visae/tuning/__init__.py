"""Tuning: sweeps of synthetic stimuli over units, tuning statistics, curve detectors and other families."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
