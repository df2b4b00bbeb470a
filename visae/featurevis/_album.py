"""Pictures of units kept in a folder: those that are there, drawn in the same way, are not drawn again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support import files
from visae._version import VERSION
from visae.featurevis._foreign import refuse_foreign
from visae.featurevis._png import load_png, read_about, save_png
from visae.featurevis._reached import reached
from visae.featurevis._render import render_chunks
from visae.featurevis._steps import Optimisation, Rendered
from visae.featurevis._window import Window, window
from visae.featurevis.objectives import Objective, activation, along, centre, everywhere, pre_activation, sparing, unit
from visae.featurevis.objectives._units import Place
from visae.featurevis.parameterisations import (
    Alpha,
    Fourier,
    Maco,
    Parameterisation,
    Pixels,
    Pyramid,
    natural_magnitude,
    usual,
)
from visae.images import Images
from visae.networks import weights_digest
from visae.units import Units

SCHEMA = 2
FILE = "render.json"
OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "unit": unit,
    "pre_activation": pre_activation,
    "activation": activation,
    "direction": along,
}
_PLAIN: dict[str, Parameterisation] = {"fourier": Fourier(), "pixels": Pixels(), "pyramid": Pyramid()}


@dataclass(frozen=True)
class RenderSettings:
    """How pictures are drawn: the settings of `visae render`, where they are explained.

    images: what the photographs were called whose spectrum the pictures have.
    """

    objective: str = "unit"
    everywhere: bool = False
    negative: bool = False
    parameterisation: str = "usual"
    alpha: bool = False
    images: str | None = None
    steps: int = Optimisation.steps
    rate: float | None = None
    seed: int = 0


class Album:
    """A folder of pictures of units: NNNNN.png each, and render.json with what each reached.

    size:         px, side of the pictures; what the units see, if None.
    photographs:  those that `style.images` names.
    """

    def __init__(
        self,
        units: Units,
        folder: Path,
        style: RenderSettings,
        size: int | None = None,
        photographs: Images | None = None,
    ):
        self.units, self.folder, self.style, self.size, self.photographs = units, folder, style, size, photographs

    @cached_property
    def window(self) -> Window:
        """What the network is shown while a picture is drawn."""
        return window(self.units.network, self._objective([0]), self.size)

    def file(self, number: int) -> Path:
        """Where the picture of a unit is."""
        return self.folder / f"{number:05d}.png"

    def missing(self, numbers: Sequence[int]) -> list[int]:
        """The units of which there is no picture that was drawn in this way."""
        return [number for number in numbers if read_about(self.file(number)) != {**self.about, "unit": number}]

    def draw(self, numbers: Sequence[int]) -> int:
        """Draw the pictures that are missing, and keep each as soon as it is there; returns how many these were.

        Raises `VisaeError` for a folder that holds pictures of other units than these, or somebody's photographs.
        """
        there = files.read_json(self.folder / FILE, SCHEMA) if (self.folder / FILE).is_file() else None
        refuse_foreign(self.folder, there, self.about)
        left = self.missing(numbers)
        if left:
            for some, drawn in self._drawn(left):
                self._keep(some, drawn)
        return len(left)

    def figures(self) -> dict[int, dict[str, float]]:
        """Of every picture that is there, by its unit: the objective of the noise it began with (`before`), its own
        objective (`value`), and the unit's value under it (`reached`), on the scale of dataset examples.
        """
        path = self.folder / FILE
        units = files.read_json(path, SCHEMA)["units"] if path.is_file() else {}
        return {int(number): figures for number, figures in units.items() if self.file(int(number)).is_file()}

    def silent(self, numbers: Sequence[int]) -> list[int]:
        """The units, of these, that do not fire under their own picture."""
        found = self.figures()
        return [number for number in numbers if number in found and found[number]["reached"] <= 0]

    def picture(self, number: int) -> Float[Tensor, "c s s"]:
        """A picture, 0..1."""
        return load_png(self.file(number))

    @cached_property
    def about(self) -> dict[str, Any]:
        """What decides the pictures, as they say it of themselves."""
        units = self.units
        sae = {} if units.sae is None else {"dictionary": weights_digest(units.sae.state_dict())}
        return {
            "visae": VERSION,
            "torch": torch.__version__,
            "network": units.network.name,
            "weights": units.network.digest,
            "layer": units.layer.name,
            "kind": units.kind,
            **sae,
            **asdict(self.style),
            "window": asdict(self.window),
        }

    @property
    def _at(self) -> Place:
        return everywhere if self.style.everywhere else centre

    def _objective(self, numbers: Sequence[int]) -> Objective:
        whole = OBJECTIVES[self.style.objective](self.units, numbers, at=self._at)
        return -whole if self.style.negative else whole

    def _drawn(self, numbers: list[int]) -> Iterator[tuple[list[int], Rendered]]:
        """The pictures as they are ready, with their numbers."""
        objective, style = self._objective(numbers), self.style
        parts = render_chunks(
            self.units.network,
            sparing(objective) if style.alpha else objective,
            parameterisation=self._parameterisation(),
            size=self.size,
            optimisation=Optimisation(style.steps, style.rate, style.seed),
        )
        done = 0
        for part in parts:
            yield numbers[done : done + len(part.pictures)], part
            done += len(part.pictures)

    def _parameterisation(self) -> Parameterisation:
        if self.photographs is not None:
            of: Parameterisation = Maco(natural_magnitude(self.photographs, self.window.picture))
        else:
            of = _PLAIN.get(self.style.parameterisation, usual(self.window.sees))
        return Alpha(of) if self.style.alpha else of

    def _keep(self, numbers: Sequence[int], drawn: Rendered) -> None:
        """Write pictures, and what they reached."""
        path = self.folder / FILE
        there = files.read_json(path, SCHEMA) if path.exists() else {}
        # What pictures drawn with other settings reached says nothing of these.
        kept = there["units"] if {**there, "units": None} == {"schema": SCHEMA, **self.about, "units": None} else {}
        read = reached(self.units, numbers, drawn.pictures, self.window, self._at)
        figures = zip(numbers, drawn.before.tolist(), drawn.values.tolist(), read.tolist(), strict=True)
        for number, before, value, own in figures:
            kept[str(number)] = {"before": before, "value": value, "reached": own}
        # Before the pictures: one that is there is not drawn again, and what it reached would be lost.
        files.write_json(path, {"schema": SCHEMA, **self.about, "units": kept})
        for number, picture in zip(numbers, drawn.pictures, strict=True):
            save_png(picture, self.file(number), {**self.about, "unit": number})
