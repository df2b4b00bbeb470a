"""Networks: InceptionV1 in its two published forms, torchvision classifiers, any module, and the planted network."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
