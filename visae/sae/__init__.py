"""Sparse autoencoders: one file per kind, one registry, one base."""

from typing import Any

import lazy_loader

_listed, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """Return what the stub lists, or the config class of another kind in this package, so that a kind is one file."""
    try:
        return _listed(name)
    except AttributeError:
        if not name[:1].isupper():
            raise
    from visae.sae._declared import config_named

    return config_named(name)
