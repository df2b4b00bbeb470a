"""Sources of images (photographs, dead leaves), and batches and float images from them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
