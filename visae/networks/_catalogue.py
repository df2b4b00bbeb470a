"""The networks that visae knows by name, and their cards. Needs neither torch nor weights."""

from visae._support.errors import VisaeError, unknown
from visae.networks._cards import NetworkCard, card_names, named_card

PLANTED = "planted"
TORCHVISION = "torchvision:"


def network_names() -> tuple[str, ...]:
    """Return the networks with a fixed name; `torchvision:NAME` stands for many more."""
    return (PLANTED, *card_names())


def network_card(name: str) -> NetworkCard:
    """Return the card of a network that has weights to download.

    Raises `VisaeError` for an unknown name (it lists the nearest), and for the planted network, which needs no weights.
    Imports torchvision for a torchvision classifier, which torchvision itself describes.
    """
    if name.startswith(TORCHVISION):
        # Imports torch, which the cards in `zoo/` do not need.
        from visae.networks._torchvision import torchvision_card

        return torchvision_card(name.removeprefix(TORCHVISION))
    if is_planted(name):
        raise VisaeError(f"{name} is constructed, not trained: it has no weights to fetch; use it without")
    if name not in card_names():
        raise unknown_network(name, card_names())
    return named_card(name)


def is_planted(name: str) -> bool:
    """Return whether a name is `planted` or `planted:S`."""
    return name.split(":")[0] == PLANTED


def unknown_network(name: str, known: tuple[str, ...]) -> VisaeError:
    """Return the error for an unknown network; it lists the nearest known names."""
    return unknown("network", name, [*known, f"{TORCHVISION}resnet18"])
