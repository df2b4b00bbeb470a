"""Random numbers that depend only on a seed and a purpose, not on anything that ran before."""

import hashlib

import torch


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """Return a CPU generator for one purpose, for instance `generator(0, "positions", image)`.

    Streams for different purposes are independent, so a resumed run draws the same numbers as an uninterrupted one.
    """
    digest = hashlib.sha256("/".join(str(part) for part in (seed, *purpose)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
