"""The planted network: a network with a known ground truth, constructed rather than trained."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
