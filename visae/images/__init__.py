"""Where images come from: folders of photographs, dead leaves, and the batches made of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
