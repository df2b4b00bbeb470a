"""Dataset examples: each unit's strongest positions, examples at quantiles of its activation, and maps over them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
