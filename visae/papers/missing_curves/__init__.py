"""Gorton 2024, "The Missing Curve Detectors of InceptionV1" (arXiv 2406.03662)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
