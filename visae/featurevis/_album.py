"""Albums: folders of rendered pictures. Pictures already there with the same settings are not rendered again."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from visae._support import files
from visae._support.errors import VisaeError
from visae._support.settings import refuse_other_settings
from visae._version import VERSION
from visae.featurevis._gradient_ascent import Optimisation, RenderResult
from visae.featurevis._png import load_png, read_about, save_png
from visae.featurevis._render import render_chunks
from visae.featurevis._window import Window, smallest_window
from visae.featurevis.objectives import (
    Objective,
    activation,
    centre,
    everywhere,
    penalise_opacity,
    pre_activation,
    unit,
    unit_direction,
)
from visae.featurevis.objectives._units import SpatialReduction
from visae.featurevis.parameterisations import (
    Alpha,
    Fourier,
    Maco,
    Parameterisation,
    Pixels,
    Pyramid,
    default_parameterisation,
    natural_magnitude,
)
from visae.featurevis.transforms._transforms import GREY
from visae.images import Images
from visae.images._photographs import SUFFIXES
from visae.networks import weights_digest
from visae.sae import SAE
from visae.units import Units

SCHEMA = 2
FILE = "render.json"
OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "unit": unit,
    "pre_activation": pre_activation,
    "activation": activation,
    "direction": unit_direction,
}
_PARAMETERISATIONS: dict[str, Parameterisation] = {"fourier": Fourier(), "pixels": Pixels(), "pyramid": Pyramid()}
# Values that earlier versions stored under other names.
_RENAMED = {"objective": {"drive": "pre_activation"}, "parameterisation": {"usual": "default"}}
_OWNER = ("network", "weights", "layer", "kind", "dictionary")
_OURS = re.compile(r"\d{5}(-examples)?\.png|sheet\.png")
_BATCH = 32  # pictures


@dataclass(frozen=True)
class RenderSettings:
    """Settings of the pictures of an album: the options of `visae render`, whose help explains them.

    images:  name of the photographs whose spectrum the pictures take.
    """

    objective: str = "unit"
    everywhere: bool = False
    negative: bool = False
    parameterisation: str = "default"
    alpha: bool = False
    images: str | None = None
    steps: int = Optimisation.steps
    rate: float | None = None
    seed: int = 0


class Album:
    """A folder of pictures of units: a PNG per unit, NNNNN.png, and render.json with settings and metrics per picture.

    size:         px, side of the pictures; by default the units' receptive field.
    photographs:  the images that `settings.images` names.
    """

    def __init__(
        self,
        units: Units,
        folder: Path,
        settings: RenderSettings,
        size: int | None = None,
        photographs: Images | None = None,
    ):
        self.units, self.folder, self.settings = units, folder, settings
        self.size, self.photographs = size, photographs

    @cached_property
    def window(self) -> Window:
        """The network's input while a picture is rendered."""
        return smallest_window(self.units.network, self._objective([0]), self.size)

    def file(self, number: int) -> Path:
        """Return the path of a unit's picture."""
        return self.folder / f"{number:05d}.png"

    def missing(self, numbers: Sequence[int]) -> list[int]:
        """Return the units that have no picture rendered with these settings."""
        return [number for number in numbers if _read_settings(self.file(number)) != {**self.about, "unit": number}]

    def refuse_other_settings(self) -> None:
        """Raise `VisaeError` for a folder whose pictures `render` would replace by ones with other settings.

        Pictures rendered with another version of visae or torch may be replaced.
        """
        stored = self._stored()
        _refuse_foreign(self.folder, stored, self.about)
        if stored is not None:
            refuse_other_settings(self.folder, _options(stored), _options(self.about))

    def render(self, numbers: Sequence[int]) -> int:
        """Render the missing pictures, saving each chunk as it finishes; return how many were missing.

        Raises `VisaeError` for a folder with pictures of other units, or with images that visae did not write.
        """
        _refuse_foreign(self.folder, self._stored(), self.about)
        missing = self.missing(numbers)
        if missing:
            for chunk, result in self._render_chunks(missing):
                self._save(chunk, result)
        return len(missing)

    def metrics(self) -> dict[int, dict[str, float]]:
        """Return the metrics of each picture in the folder, by unit.

        before:   the objective at the initial noise.
        value:    the objective at the picture.
        reached:  the unit's value on the picture (`unit_values`).
        """
        units = (self._stored() or {"units": {}})["units"]
        return {int(number): metrics for number, metrics in units.items() if self.file(int(number)).is_file()}

    def silent(self, numbers: Sequence[int]) -> list[int]:
        """Return which of these units do not fire on their own picture."""
        metrics = self.metrics()
        return [number for number in numbers if number in metrics and metrics[number]["reached"] <= 0]

    def picture(self, number: int) -> Float[Tensor, "c s s"]:
        """Read a picture, 0..1."""
        return load_png(self.file(number))

    @cached_property
    def about(self) -> dict[str, Any]:
        """Everything that determines the pictures, as stored in render.json and in their metadata."""
        units, window = self.units, self.window
        dictionary = {} if units.sae is None else {"dictionary": dictionary_digest(units.sae)}
        return {
            "visae": VERSION,
            "torch": torch.__version__,
            "network": units.network.name,
            "weights": units.network.digest,
            "layer": units.layer.name,
            "kind": units.kind,
            **dictionary,
            **asdict(self.settings),
            "window": {
                "size": window.size,
                "centre": window.centre,
                "picture": window.picture_size,
                "sees": window.receptive_field,
            },
        }

    @property
    def _reduction(self) -> SpatialReduction:
        return everywhere if self.settings.everywhere else centre

    def _objective(self, numbers: Sequence[int]) -> Objective:
        objective = OBJECTIVES[self.settings.objective](self.units, numbers, at=self._reduction)
        return -objective if self.settings.negative else objective

    def _parameterisation(self) -> Parameterisation:
        if self.photographs is not None:
            base: Parameterisation = Maco(natural_magnitude(self.photographs, self.window.picture_size))
        else:
            default = default_parameterisation(self.window.receptive_field)
            base = _PARAMETERISATIONS.get(self.settings.parameterisation, default)
        return Alpha(base) if self.settings.alpha else base

    def _render_chunks(self, numbers: list[int]) -> Iterator[tuple[list[int], RenderResult]]:
        """Yield chunks of pictures with their units as they finish."""
        objective, settings = self._objective(numbers), self.settings
        chunks = render_chunks(
            self.units.network,
            penalise_opacity(objective) if settings.alpha else objective,
            parameterisation=self._parameterisation(),
            size=self.size,
            optimisation=Optimisation(settings.steps, settings.rate, settings.seed),
        )
        first = 0
        for chunk in chunks:
            last = first + len(chunk.pictures)
            yield numbers[first:last], chunk
            first = last

    def _stored(self) -> dict[str, Any] | None:
        """Read render.json; None if the folder has none."""
        path = self.folder / FILE
        return _with_new_names(files.read_json(path, SCHEMA)) if path.is_file() else None

    def _save(self, numbers: Sequence[int], result: RenderResult) -> None:
        """Write pictures and their metrics."""
        stored, header = self._stored() or {}, {"schema": SCHEMA, **self.about}
        # Metrics of pictures with other settings do not apply to these.
        units = stored["units"] if {**stored, "units": None} == {**header, "units": None} else {}
        reached = unit_values(self.units, numbers, result.pictures, self.window, self._reduction)
        rows = zip(numbers, result.initial_values.tolist(), result.values.tolist(), reached.tolist(), strict=True)
        for number, before, value, own in rows:
            units[str(number)] = {"before": before, "value": value, "reached": own}
        # Metrics first: an existing picture is not rendered again, so its metrics would be lost.
        files.write_json(self.folder / FILE, {**header, "units": units})
        for number, picture in zip(numbers, result.pictures, strict=True):
            save_png(picture, self.file(number), {**self.about, "unit": number})


@torch.no_grad()
def unit_values(
    units: Units,
    numbers: Sequence[int],
    pictures: Float[Tensor, "n c s s"],
    window: Window,
    at: SpatialReduction = centre,
) -> Float[Tensor, " n"]:
    """Return each unit's value on its own picture without transforms, on the scale of dataset examples.

    0 for a feature left silent by its picture, whatever its pre-activation. Pictures with alpha are composited over
    grey.
    """
    opaque = torch.lerp(torch.tensor(GREY), pictures[:, :3], pictures[:, 3:]) if pictures.shape[1] == 4 else pictures
    values = []
    for chunk, part in zip(torch.split(torch.tensor(numbers), _BATCH), torch.split(opaque, _BATCH), strict=True):
        images = window.unperturbed(part.to(units.network.device), torch.Generator())
        maps = units.maps(images)
        values.append(at(maps[torch.arange(len(chunk)), chunk.to(maps.device)]).cpu())
    return torch.cat(values)


def dictionary_digest(sae: SAE) -> str:
    """Return the digest by which albums identify a dictionary.

    It covers the names of tensors, of those that only training needs one alone, under its name in the first version of
    visae, whose albums would otherwise be those of another dictionary.
    """
    tensors = {name: tensor for name, tensor in sae.state_dict().items() if name not in sae.training_only}
    return weights_digest({**tensors, "idle": sae.rows_since_fired})


def _read_settings(path: Path) -> dict[str, Any] | None:
    """Read the settings that a picture was rendered with; None if visae wrote no picture there."""
    about = read_about(path)
    return about and _with_new_names(about)


def _with_new_names(about: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {key: names[about[key]] for key, names in _RENAMED.items() if about.get(key) in names}
    return {**about, **renamed}


def _options(about: Mapping[str, Any]) -> dict[str, Any]:
    """The settings under the names of the options of `visae render`."""
    named = {field.name: about[field.name] for field in fields(RenderSettings) if field.name in about}
    return {**named, "size": about["window"]["picture"]}


def _refuse_foreign(folder: Path, stored: Mapping[str, Any] | None, about: Mapping[str, Any]) -> None:
    """Raise `VisaeError` for a folder with pictures of other units, or with images that visae did not write.

    stored:  the settings in the folder's render.json, if it exists.
    about:   the settings of the pictures to be rendered.
    """
    if stored is None:
        foreign = sorted(path.name for path in folder.iterdir() if _is_foreign(path)) if folder.is_dir() else []
        if foreign:
            raise VisaeError(f"{folder} holds {foreign[0]}, which visae did not write; give a new folder")
    elif any(stored.get(key) != about.get(key) for key in _OWNER):
        raise VisaeError(f"{folder} holds pictures of {_owner(stored)}, not of {_owner(about)}; give a new folder")


def _owner(about: Mapping[str, Any]) -> str:
    dictionary = f", dictionary {about['dictionary'][:8]}" if about.get("dictionary") else ""
    return f"{about['kind']} of {about['network']} ({about['weights'][:8]}) {about['layer']}{dictionary}"


def _is_foreign(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not _OURS.fullmatch(path.name)
