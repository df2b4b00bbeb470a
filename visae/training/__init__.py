"""Training any number of SAEs in one pass over the rows, with batches, checkpoints and logs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
