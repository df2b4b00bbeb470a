"""What pictures reach: the units' own values under them, on the scale of dataset examples."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from visae.featurevis._transforms import GREY
from visae.featurevis._window import Window
from visae.featurevis.objectives import centre
from visae.featurevis.objectives._units import Place
from visae.units import Units

_AT_ONCE = 32  # pictures


@torch.no_grad()
def reached(
    units: Units, numbers: Sequence[int], pictures: Float[Tensor, "n c s s"], shown: Window, at: Place = centre
) -> Float[Tensor, " n"]:
    """The value of each unit under its own picture, as the network is shown it without transforms.

    Of a feature that its picture leaves silent it is 0, whatever its pre-activation. Pictures with alpha are over grey.
    """
    whole = torch.lerp(torch.tensor(GREY), pictures[:, :3], pictures[:, 3:]) if pictures.shape[1] == 4 else pictures
    values = []
    for own, part in zip(torch.split(torch.tensor(numbers), _AT_ONCE), torch.split(whole, _AT_ONCE), strict=True):
        images = shown.still(part.to(units.network.device), torch.Generator())
        maps = units.maps(images)
        values.append(at(maps[torch.arange(len(own)), own.to(maps.device)]).cpu())
    return torch.cat(values)
