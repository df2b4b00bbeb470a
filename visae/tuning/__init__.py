"""Tuning: stimuli, sweeps of them over units, and what tuning curves say."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
