"""Gorton 2024 (arXiv 2406.03662), the other half: polysemantic neurons decomposed into features."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
