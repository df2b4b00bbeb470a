"""The atlas: a folder with a page in which to look at every neuron and feature."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
