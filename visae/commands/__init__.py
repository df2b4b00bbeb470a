"""The commands: each a dataclass of its options, `check`, which needs no torch, and `run`."""
