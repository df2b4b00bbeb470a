"""Cowsik, Dolev and Infanger 2024, "The Persian Rug" (arXiv 2410.12101)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
