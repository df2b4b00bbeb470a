"""Rows with planted directions, and dictionaries learned from them as the trainer does."""

import torch
import torch.nn.functional as F

DIM, WIDTH = 16, 32


def planted_rows(count, seed=0):
    """Rows that are sums of 2 of 24 directions, and the directions."""
    truth = F.normalize(torch.randn(24, DIM, generator=torch.Generator().manual_seed(9)), dim=1)
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.rand(count, 24, generator=generator).topk(2).indices
    values = 0.5 + torch.rand(count, 2, generator=generator)
    return torch.zeros(count, 24).scatter(1, chosen, values) @ truth, truth


def started(config, x):
    """An SAE before its first batch."""
    sae = config.build(x.shape[1], torch.Generator().manual_seed(0))
    sae.fit_scale(x.mean(0), x.var(0))
    sae.initialise(sae.standardise(x[:4096]))
    return sae


def learned(config, batches=100, batch=512):
    """An SAE after some batches of planted rows, and its errors."""
    x, _ = planted_rows(batch * batches)
    sae, errors = started(config, x), []
    for part in x.split(batch):
        terms, fired = sae.learn(sae.standardise(part))
        sae.count_rows_since_fired(fired, len(part))
        errors.append(terms["error"].item())
    sae.calibrate(sae.standardise(x[:4096]))
    return sae, errors
