"""visae takes convolutional networks apart.

It reads a layer's activations at every position of many images, learns a sparse dictionary of them, and measures what
every unit, neuron or feature alike, responds to.
"""

from typing import Any

import lazy_loader

from visae._version import VERSION

__version__ = VERSION

# Lazily, so that `visae --help` does not wait for torch.
_listed, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """Return what the stub lists, or the config class of any other kind of SAE in this package."""
    try:
        return _listed(name)
    except AttributeError:
        if not name[:1].isupper():
            raise
    from visae import sae

    return getattr(sae, name)
