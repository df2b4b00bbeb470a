"""visae verify"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

import visae
from visae._support.errors import VisaeError
from visae._support.tables import markdown
from visae.commands.options import File, Text
from visae.networks import PublishedTuning, network_card
from visae.tuning._verify import LEAST_CORRELATION, MOST_APART, MOST_ECHO, Verification, verify


@dataclass(kw_only=True)
class Verify:
    """Run a published measurement on your copy of a network's weights, and put our numbers beside it.

    For inceptionv1: orientation tuning of ten curve neurons of mixed3b (Cammarata et al. 2020). Wrong weights,
    preprocessing or geometry fail, and are named where they can be told. The exit code is 1 if anything fails.

    Example: visae verify inceptionv1
    """

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """The network; one whose card has published tuning."""
    weights: File = None
    """File of weights, or a folder that holds it. Without it: $VISAE_WEIGHTS, then the cache (see visae fetch)."""
    device: Text = None
    """cpu, cuda, ... Without it: CUDA where there is one."""

    def run(self) -> None:
        """Sweep, compare, and print a line a neuron."""
        published = _tuning(self.name)
        network = visae.network(self.name, self.weights, self.device)
        found = verify(network, published)
        print(report(found, published))
        if not found.verified:
            sys.exit(1)


def report(found: Verification, published: PublishedTuning) -> str:
    """What was found, in words: a line a neuron, the order, and the verdict."""
    head = ["neuron", "r", "apart", "echo", "measured max", "published max", ""]
    rows = [
        [
            f"{published.layer}:{channel}",
            f"{found.correlation[i]:.3f}",
            f"{found.apart[i]:.1f}°",
            f"{found.echo[i]:.3f}",
            f"{found.measured[i].max():.0f}",
            f"{found.published[i].max():.0f}",
            "as published" if passed else "differs",
        ]
        for i, (channel, passed) in enumerate(zip(found.channels, found.passed, strict=True))
    ]
    same = "as published" if found.order == found.order_published else "not the published one"
    expected = "" if found.order == found.order_published else f"; published: {_words(found.order_published)}"
    lines = [
        markdown([head, *rows]),
        f"order around the circle: {_words(found.order)}, {same}{expected}",
        f"fitted: radii {found.radii[0]:.1f} to {found.radii[1]:.1f} px, stroke {found.width:g} px; "
        f"activations are {found.scale:.2f} times the published",
        f"wanted: r >= {LEAST_CORRELATION:g}, at most {MOST_APART:g}° apart, echo < {MOST_ECHO:g}",
        *(f"symptom: {symptom}" for symptom in found.symptoms),
        f"{'verified' if found.verified else 'NOT verified'} against {published.origin} ({published.licence})",
    ]
    return "\n".join(lines)


def _words(channels: Sequence[int]) -> str:
    return " ".join(map(str, channels))


def _tuning(name: str) -> PublishedTuning:
    published = None if name.startswith("planted") else network_card(name).tuning
    if published is None:
        raise VisaeError(f"nothing was published to verify {name} by; verify inceptionv1")
    return published
