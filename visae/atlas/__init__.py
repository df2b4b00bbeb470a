"""The atlas: a static web page for browsing every neuron and feature of a layer."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
