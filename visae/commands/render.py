"""visae render"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro

import visae
from visae import files
from visae.commands.options import File, Text, open_usual
from visae.commands.targets import numbers, open_units
from visae.errors import VisaeError
from visae.progress import say
from visae.units import Units
from visae.viz.objectives import Objective, activation, along, centre, drive, everywhere, sparing, unit
from visae.viz.parameterisations import (
    Alpha,
    Fourier,
    Maco,
    Parameterisation,
    Pixels,
    Pyramid,
    natural_magnitude,
    usual,
)
from visae.viz.png import load_png, read_about, save_png, save_sheet
from visae.viz.render import Rendered, render_chunks
from visae.viz.steps import Optimisation
from visae.viz.window import Window, window
from visae.zoo.weights import digest

SCHEMA = 1
_OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "unit": unit,
    "drive": drive,
    "activation": activation,
    "direction": along,
}
_PLAIN: dict[str, Parameterisation] = {"fourier": Fourier(), "pixels": Pixels(), "pyramid": Pyramid()}


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
    objective: Literal["unit", "drive", "activation", "direction"] = "unit"
    """unit: a neuron's value, or a feature's pre-activation, less what rivals are above it, so that it fires. drive: a
    feature's pre-activation alone. activation: a feature's value, for which it has to be among
    those that fire. direction: what a feature adds to the layer, or a neuron's axis, by dot product and cosine."""
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
        shown = window(units.network, self._objective(units, chosen), self.size)
        if shown.picture < shown.sees:
            sees = f"{shown.sees} px that a position of {units.layer.name} sees"
            say(f"pictures of {shown.picture} px are the middle of the {sees}; around them is grey")
        about = self._about(units, shown)
        left = [number for number in chosen if read_about(self._file(number)) != {**about, "unit": number}]
        if left:
            for part in self._drawn(units, left, shown):
                self._keep(part, about)
        pictures = torch.stack([load_png(self._file(number)) for number in chosen])
        save_sheet(pictures, [str(number) for number in chosen], self.out / "sheet.png", about)
        print(f"{len(left)} pictures drawn, {len(chosen) - len(left)} were there; sheet: {self.out / 'sheet.png'}")

    def _objective(self, units: Units, chosen: list[int]) -> Objective:
        whole = _OBJECTIVES[self.objective](units, chosen, at=everywhere if self.everywhere else centre)
        return -whole if self.negative else whole

    def _drawn(self, units: Units, chosen: list[int], shown: Window) -> Iterator[tuple[list[int], Rendered]]:
        """The pictures as they are ready, with their numbers."""
        objective = self._objective(units, chosen)
        parts = render_chunks(
            units.network,
            sparing(objective) if self.alpha else objective,
            parameterisation=self._parameterisation(shown),
            size=self.size,
            optimisation=Optimisation(self.steps, self.rate, self.seed),
        )
        done = 0
        for part in parts:
            yield chosen[done : done + len(part.pictures)], part
            done += len(part.pictures)

    def _parameterisation(self, shown: Window) -> Parameterisation:
        if self.images is not None:
            of: Parameterisation = Maco(natural_magnitude(open_usual(self.images), shown.picture))
        else:
            of = _PLAIN.get(self.parameterisation, usual(shown.sees))
        return Alpha(of) if self.alpha else of

    def _about(self, units: Units, shown: Window) -> dict[str, Any]:
        sae = {} if units.sae is None else {"dictionary": digest(units.sae.state_dict())}
        settings = (
            "objective",
            "everywhere",
            "negative",
            "parameterisation",
            "alpha",
            "images",
            "steps",
            "rate",
            "seed",
        )
        return {
            "visae": visae.__version__,
            "torch": torch.__version__,
            "network": units.network.name,
            "weights": units.network.digest,
            "layer": units.layer.name,
            "kind": units.kind,
            **sae,
            **{name: getattr(self, name) for name in settings},
            "window": asdict(shown),
        }

    def _file(self, number: int) -> Path:
        return self.out / f"{number:05d}.png"

    def _keep(self, part: tuple[list[int], Rendered], about: dict[str, Any]) -> None:
        """Write a part's pictures, and what they reached."""
        chosen, drawn = part
        path = self.out / "render.json"
        there = files.read_json(path, SCHEMA) if path.exists() else {}
        # What pictures drawn with other settings reached says nothing of these.
        kept = there["units"] if {**there, "units": None} == {"schema": SCHEMA, **about, "units": None} else {}
        for number, before, value in zip(chosen, drawn.before.tolist(), drawn.values.tolist(), strict=True):
            kept[str(number)] = {"before": before, "value": value}
        # Before the pictures: one that is there is not drawn again, and what it reached would be lost.
        files.write_json(path, {"schema": SCHEMA, **about, "units": kept})
        for number, picture in zip(chosen, drawn.pictures, strict=True):
            save_png(picture, self._file(number), {**about, "unit": number})
