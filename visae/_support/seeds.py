"""Random numbers that depend on a seed and a purpose, and on nothing that ran before."""

import hashlib

import torch


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """Return a CPU generator for one purpose, for instance `generator(0, "positions", image)`.

    Streams of different purposes are independent, so a resumed run draws what the uninterrupted
    run would have drawn.
    """
    digest = hashlib.sha256("/".join(str(part) for part in (seed, *purpose)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
