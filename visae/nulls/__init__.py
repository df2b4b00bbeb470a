"""Nulls: what dictionaries that learned nothing, or little, show of the same layer; beside it, a finding is judged."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
