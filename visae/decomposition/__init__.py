"""Decompose polysemantic neurons into the features that write to them, and describe what each feature detects."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
