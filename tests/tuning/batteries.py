"""Batteries of sweeps that are made, so that it is known what a unit is."""

import torch

from visae.tuning import Battery, Responses


def made(**stimuli):
    """One unit, whose tuning to each stimulus is a bump of a height, in degrees of spread, with an echo."""
    responses = {}
    for name in ("circle", "line", "edge", "angle", "double_curve"):
        height, spread, echo = stimuli.get(name, (0.0, 10.0, 0.0))
        period = 180 if name in ("line", "double_curve") else 360
        degrees = torch.arange(period // 5) * 5.0
        away = [(degrees - centre + period / 2).remainder(period) - period / 2 for centre in (90.0, 270.0)]
        bumps = [torch.exp(-(far**2) / (2 * spread**2)) for far in away]
        tuning = height * (bumps[0] if period == 180 else torch.maximum(bumps[0], echo * bumps[1]))
        # A second unit that responds to everything alike, to which strength is compared.
        values = torch.stack([tuning, torch.full_like(tuning, 1.0)])
        axes = {"orientation": degrees}
        if name == "circle":
            axes, values = {"radius": torch.tensor([20.0]), **axes}, values[:, None]
        responses[name] = Responses("neurons", "made", "l", name, axes, values)
    return Battery(responses)
