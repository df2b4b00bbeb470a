"""The planted network: features that are built, not trained, mixed into fewer neurons than there are features."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
