"""Taking polysemantic neurons apart: the features that write to a neuron, and what each of them is."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
