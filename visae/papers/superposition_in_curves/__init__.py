"""The bridge: a layer's curve and line features, measured like the two models of superposition."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
