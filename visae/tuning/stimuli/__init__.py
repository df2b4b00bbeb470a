"""Synthetic images with known parameters: antialiased, lengths in pixels, angles in degrees.

`STIMULI` holds the registered kinds; `register_stimulus` adds one.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
