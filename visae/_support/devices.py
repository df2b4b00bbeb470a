"""Opening devices by name, with a default."""

import torch

from visae._support.errors import VisaeError


def open_device(name: torch.device | str | None = None) -> torch.device:
    """Return the device with this name; if None, CUDA if available, else the CPU.

    Raises `VisaeError` for an unknown device.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        available = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        reason = str(error).splitlines()[0]
        raise VisaeError(f"no device {str(name)!r} here ({reason}); there are {', '.join(available)}") from None
    return device
