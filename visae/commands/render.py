"""visae render"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro

from visae._support.errors import VisaeError
from visae._support.progress import say
from visae._support.tables import few
from visae.commands.options import File, Text, open_usual
from visae.commands.targets import numbers, open_units
from visae.featurevis import Optimisation, save_sheet
from visae.featurevis._album import Album, RenderSettings


@dataclass(kw_only=True)
class Render:
    """Draw what units want to see: pictures optimised so that a neuron or a feature answers as strongly as it can.

    Writes a PNG for each unit, a sheet of all, and render.json with what each picture reached. Pictures that are in
    --out already, with the same settings, are not drawn again.

    Example: visae render runs/topk8 --units 3,17,50:60 --out runs/pictures

    Example: visae render inceptionv1-caffe:mixed3b --units all --out runs/mixed3b-pictures
    """

    target: tyro.conf.Positional[str]
    """Folder of a dictionary, whose features are drawn, or NETWORK:LAYER, whose neurons are."""
    out: Path
    """Folder for the pictures."""
    units: str = "all"
    """Numbers, ranges whose end is left out, or all: 3,17,50:60."""
    objective: Literal["unit", "pre_activation", "activation", "direction"] = "unit"
    """unit: a neuron's value, or a feature's pre-activation less what it lacks to fire. pre_activation: a feature's
    pre-activation alone. activation: a feature's value, which is zero unless it fires. direction: what a feature adds
    to the layer, or a neuron's axis, by dot product and cosine."""
    everywhere: bool = False
    """Score the whole map, not its middle position: a texture."""
    negative: bool = False
    """Draw what drives the units down. Of neurons, which stop at zero, there is nothing to see."""
    parameterisation: Literal["usual", "fourier", "pixels", "pyramid", "maco"] = "usual"
    """How pictures are made. usual: fourier, of bounded contrast for layers that see less than 32 px. maco: with the
    spectrum of photographs, for which --images is needed."""
    alpha: bool = False
    """Leave transparent what does not count."""
    images: Text = None
    """maco: a folder of photographs, a list, or leaves:N, whose spectrum the pictures have."""
    size: Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: what the unit sees)")] = None
    """px, side of the pictures."""
    steps: int = Optimisation.steps
    """Steps, at most."""
    rate: Annotated[
        float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: the parameterisation's)")
    ] = None
    """Adam's learning rate."""
    seed: int = 0
    """Decides the first noise and the transforms."""
    weights: File = None
    """File of weights, or a folder that holds it. Without it: $VISAE_WEIGHTS, then the cache (see visae fetch)."""
    device: Text = None
    """cpu, cuda, ... Without it: CUDA where there is one."""

    def run(self) -> None:
        """Draw, and say where the pictures are."""
        if (self.parameterisation == "maco") != (self.images is not None):
            raise VisaeError("--images is for --parameterisation maco, which needs it; give both or neither")
        units = open_units(self.target, self.weights, self.device)
        chosen = numbers(self.units, units)
        photographs = None if self.images is None else open_usual(self.images)
        album = Album(units, self.out, self._style(), self.size, photographs)
        shown = album.window
        if shown.picture < shown.sees:
            sees = f"{shown.sees} px that a position of {units.layer.name} sees"
            say(f"pictures of {shown.picture} px are the middle of the {sees}; around them is grey")
        drawn = album.draw(chosen)
        pictures = torch.stack([album.picture(number) for number in chosen])
        save_sheet(pictures, [str(number) for number in chosen], self.out / "sheet.png", album.about)
        there = f", {len(chosen) - drawn} were there" if drawn < len(chosen) else ""
        print(f"{drawn} picture{'s' * (drawn != 1)} drawn{there}; sheet: {self.out / 'sheet.png'}")
        silent = album.silent(chosen)
        if silent and not self.negative:
            print(f"{len(silent)} of {len(chosen)} leave their unit silent, as render.json says: {few(silent)}")

    def _style(self) -> RenderSettings:
        return RenderSettings(**{field.name: getattr(self, field.name) for field in fields(RenderSettings)})
