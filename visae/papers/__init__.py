"""Published results, each reproduced with our numbers beside the paper's. One package per paper."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
