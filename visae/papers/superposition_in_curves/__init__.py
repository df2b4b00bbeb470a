"""The bridge: curve and line features of a layer, measured as the two models of superposition are."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
