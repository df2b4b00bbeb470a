"""Engineered batteries: units with a known tuning to every stimulus."""

import torch

from visae.tuning import Battery, Responses


def engineered_battery(**stimuli):
    """Return the battery of two units.

    stimuli: (height, spread in degrees, echo) of the bump that is the first unit's tuning to a stimulus; others are 0.

    The second unit responds to everything alike, by 1: responsiveness is relative to it.
    """
    responses = {}
    for name in ("circle", "line", "edge", "angle", "double_curve"):
        height, spread, echo = stimuli.get(name, (0.0, 10.0, 0.0))
        period = 180 if name in ("line", "double_curve") else 360
        degrees = torch.arange(period // 5) * 5.0
        distances = [(degrees - centre + period / 2).remainder(period) - period / 2 for centre in (90.0, 270.0)]
        bumps = [torch.exp(-(distance**2) / (2 * spread**2)) for distance in distances]
        tuning = height * (bumps[0] if period == 180 else torch.maximum(bumps[0], echo * bumps[1]))
        values = torch.stack([tuning, torch.full_like(tuning, 1.0)])
        axes = {"orientation": degrees}
        if name == "circle":
            axes, values = {"radius": torch.tensor([20.0]), **axes}, values[:, None]
        responses[name] = Responses("neurons", "engineered", "layer", name, axes, values)
    return Battery(responses)


# Expected family of the first unit, and its tuning: (height, spread, echo) by stimulus.
FAMILY_CASES = [
    ("curve", {"circle": (1.0, 15, 0.0), "line": (0.5, 10, 0), "edge": (0.4, 10, 0), "angle": (0.9, 10, 0)}),
    ("double_curve", {"circle": (1.0, 15, 0.8), "line": (0.5, 10, 0)}),
    ("", {"circle": (1.0, 15, 0.3), "line": (0.5, 10, 0)}),
    ("", {"circle": (1.0, 80, 0.0), "line": (0.5, 10, 0)}),
    ("angle", {"circle": (0.7, 15, 0.0), "line": (0.5, 10, 0), "angle": (0.9, 10, 0)}),
    ("line", {"circle": (0.7, 15, 0.9), "line": (0.9, 10, 0), "edge": (0.5, 10, 0), "angle": (0.8, 10, 0)}),
    ("line", {"circle": (0.7, 15, 0.0), "line": (0.9, 10, 0), "edge": (0.5, 10, 0), "angle": (0.8, 10, 0)}),
    ("edge", {"circle": (0.2, 15, 0.9), "line": (0.5, 10, 0), "edge": (0.9, 10, 0)}),
    ("edge", {"circle": (0.8, 15, 0.0), "line": (0.5, 10, 0), "edge": (0.9, 10, 0)}),
    ("edge", {"line": (0.5, 10, 0), "edge": (0.9, 10, 1.0)}),
    ("", {"line": (0.5, 60, 0), "edge": (0.05, 10, 0)}),
    ("", {"circle": (0.05, 15, 0.0)}),
    ("", {}),
]
