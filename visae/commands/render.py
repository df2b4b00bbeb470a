"""visae render"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from visae._support.errors import VisaeError
from visae._support.paths import require_images
from visae._support.progress import say
from visae._support.tables import shortened
from visae.commands.options import Text, check_at_least, open_small
from visae.commands.units import UnitOptions

if TYPE_CHECKING:
    from visae.featurevis import RenderSettings

STEPS = 256  # `Optimisation.steps`


@dataclass(kw_only=True)
class RenderCommand(UnitOptions):
    """Visualise units: optimise a picture for each, to which the neuron or feature responds as strongly as possible.

    Writes a PNG per unit, a sheet of all of them, and render.json with the response to each picture. Pictures already
    in --out are not rendered again; pictures with other settings need another folder.

    Example: visae render runs/topk8 --units 3,17,50:60 --out runs/pictures

    Example: visae render inceptionv1-caffe:mixed3b --units all --out runs/mixed3b-pictures
    """

    out: Path
    """Folder for the pictures."""
    objective: Literal["unit", "pre_activation", "activation", "direction"] = "unit"
    """unit: a neuron's value, or a feature's pre-activation minus its shortfall from firing. pre_activation: a
    feature's pre-activation alone. activation: a feature's value, which is zero unless it fires. direction: dot product
    and cosine with the direction a feature adds to the layer, or with a neuron's axis."""
    everywhere: bool = False
    """Optimise the whole map instead of its middle position, which gives a texture."""
    negative: bool = False
    """Minimise the units instead. Neurons, which stop at zero, show nothing."""
    parameterisation: Literal["default", "fourier", "pixels", "pyramid", "maco"] = "default"
    """How pictures are parameterised. default: fourier, with bounded contrast for layers whose receptive field is below
    32 px. maco: with the spectrum of photographs; needs --images."""
    alpha: bool = False
    """Render an alpha channel: parts that do not matter to the unit are transparent."""
    images: Text = None
    """For maco, the images whose spectrum the pictures take: a folder, a list, or leaves:N."""
    size: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: the unit's receptive field)")
    ] = None
    """px, side of the pictures."""
    steps: int = STEPS
    """Maximum number of optimisation steps."""
    rate: Annotated[
        float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: the parameterisation's)")
    ] = None
    """Adam's learning rate."""
    seed: int = 0
    """Seeds the initial noise and the transforms."""

    def check(self) -> None:
        """Raise `VisaeError` for invalid options."""
        self.check_target()
        check_at_least(1, steps=self.steps)
        if (self.parameterisation == "maco") != (self.images is not None):
            raise VisaeError("--images is for --parameterisation maco, which needs it; give both or neither")
        if self.images is not None:
            require_images(self.images)

    def run(self) -> None:
        """Render, and print where the pictures are."""
        import torch

        from visae.featurevis import Album, save_sheet

        units = self.open_units()
        selected = self.selected(units)
        photographs = None if self.images is None else open_small(self.images)
        album = Album(units, self.out, self._settings(), self.size, photographs)
        window = album.window
        if window.picture_size < window.receptive_field:
            sees = f"{window.receptive_field} px receptive field of {units.layer.name}"
            say(f"pictures of {window.picture_size} px cover the middle of the {sees}; the rest is grey")
        album.refuse_other_settings()
        rendered = album.render(selected)
        pictures = torch.stack([album.picture(number) for number in selected])
        save_sheet(pictures, [str(number) for number in selected], self.out / "sheet.png", album.about)
        kept = f", {len(selected) - rendered} already there" if rendered < len(selected) else ""
        print(f"{rendered} picture{'s' * (rendered != 1)} rendered{kept}; sheet: {self.out / 'sheet.png'}")
        silent = album.silent(selected)
        if silent and not self.negative:
            numbers = shortened(silent)
            print(f"{len(silent)} of {len(selected)} leave their unit silent (see render.json): {numbers}")

    def _settings(self) -> "RenderSettings":
        from visae.featurevis import RenderSettings

        return RenderSettings(**{field.name: getattr(self, field.name) for field in fields(RenderSettings)})
