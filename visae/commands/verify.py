"""visae verify"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from visae._support.errors import VisaeError
from visae._support.tables import markdown
from visae.commands.options import WeightsOptions

if TYPE_CHECKING:
    from visae.networks import PublishedTuning
    from visae.tuning import Verification


@dataclass(kw_only=True)
class VerifyCommand(WeightsOptions):
    """Repeat a published measurement on your copy of a network's weights, and compare the numbers.

    For inceptionv1: orientation tuning of ten curve neurons of mixed3b (Cammarata et al. 2020). Wrong weights,
    preprocessing or geometry fail, and the likely cause is named where possible. The exit code is 1 if anything fails.

    Example: visae verify inceptionv1
    """

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """A network whose card has published tuning."""

    def check(self) -> None:
        """Raise `VisaeError` for an unknown network, one without published tuning, and missing weights."""
        _published_tuning(self.name)
        self.check_weights(self.name)

    def run(self) -> None:
        """Sweep, compare, and print a line per neuron."""
        from visae.tuning import verify

        published = _published_tuning(self.name)
        verification = verify(self.open_named(self.name), published)
        print(report(verification, published))
        if not verification.verified:
            sys.exit(1)


def report(verification: "Verification", published: "PublishedTuning") -> str:
    """A line per neuron, the order around the circle, and the verdict."""
    from visae.tuning._verify import MAX_DISTANCE, MAX_ECHO, MIN_CORRELATION

    head = ["neuron", "r", "apart", "echo", "measured max", "published max", ""]
    rows = [
        [
            f"{published.layer}:{channel}",
            f"{verification.correlation[i]:.3f}",
            f"{verification.distance[i]:.1f}°",
            f"{verification.echo[i]:.3f}",
            f"{verification.measured[i].max():.0f}",
            f"{verification.published[i].max():.0f}",
            "as published" if passed else "differs",
        ]
        for i, (channel, passed) in enumerate(zip(verification.channels, verification.passed, strict=True))
    ]
    is_same = verification.order == verification.order_published
    same = "as published" if is_same else "not the published one"
    expected = "" if is_same else f"; published: {_joined(verification.order_published)}"
    lines = [
        markdown([head, *rows]),
        f"order around the circle: {_joined(verification.order)}, {same}{expected}",
        f"fitted: radii {verification.radii[0]:.1f} to {verification.radii[1]:.1f} px, stroke {verification.width:g} "
        f"px; activations are {verification.scale:.2f} times the published",
        f"wanted: r >= {MIN_CORRELATION:g}, at most {MAX_DISTANCE:g}° apart, echo < {MAX_ECHO:g}",
        *(f"symptom: {symptom}" for symptom in verification.symptoms),
        f"{'verified' if verification.verified else 'NOT verified'} against {published.origin} ({published.licence})",
    ]
    return "\n".join(lines)


def _joined(channels: Sequence[int]) -> str:
    return " ".join(map(str, channels))


def _published_tuning(name: str) -> "PublishedTuning":
    from visae.networks._catalogue import PLANTED, TORCHVISION, network_card

    published = None if name.startswith((PLANTED, TORCHVISION)) else network_card(name).tuning
    if published is None:
        raise VisaeError(f"there is no published measurement to verify {name} against; verify inceptionv1")
    return published
