"""visae takes convolutional networks apart.

Reads the activations of a layer at every position of many images, learns a sparse dictionary of them, and asks of
every unit, neuron or feature alike, what it responds to.
"""

import lazy_loader

from visae._version import VERSION

__version__ = VERSION

# Lazily, so that `visae --help` need not wait for torch.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
