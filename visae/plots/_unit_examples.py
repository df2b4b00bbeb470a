"""The sheets of dataset examples of some units of a population."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visae._support.progress import Progress
from visae._version import VERSION
from visae.examples import DatasetExamples, Examples, Heat, heat_maps
from visae.images import Images
from visae.plots._examples_sheet import Shown, Words, draw_sheet
from visae.plots._panels import SIDE, crop, overlaid, seen
from visae.plots._spooled import Spooled, spooled
from visae.units import Units

_GROUPS = "strongest", "at quantiles of its value"
_FOOT = (
    "Below each crop its whole image under the unit's map: clear at 0, brightest at the map's own maximum. "
    "Positions that see beyond the border are not searched."
)


def draw_examples(
    units: Units, found: DatasetExamples, chosen: Sequence[int], images: Images, margin: float, out: Path
) -> list[Path]:
    """Draw the examples of each of the chosen units on a sheet of its own, `<unit>-examples.png`; returns the paths.

    margin: of the search, px; a crop's side is twice that, and a pixel. Each image is read and run once, however many
            units want it; pictures wait in a temporary file in `out`, so that memory grows with neither.
    """
    side = min(int(2 * margin) + 1, images.size)
    spots = _spots(found, chosen)
    by_image: dict[int, list[_Spot]] = defaultdict(list)
    for spot in spots:
        by_image[spot.image].append(spot)
    wanted = {image: list(dict.fromkeys(spot.unit for spot in of)) for image, of in by_image.items()}
    with spooled(out, (2, SIDE, SIDE, 3)) as waiting:
        for heat in heat_maps(units, wanted, images):
            _lay_down(waiting, heat, by_image[heat.image], units, side)
        return _draw_sheets(waiting, spots, units, found, chosen, side, out)


@dataclass(frozen=True)
class _Spot:
    """An example to be drawn: its number on the spooled, its unit, the group it is in, where it is, and its words."""

    number: int
    unit: int
    group: int
    image: int
    row: int
    column: int
    words: str


def _spots(found: DatasetExamples, chosen: Sequence[int]) -> list[_Spot]:
    spots: list[_Spot] = []
    for unit in chosen:
        values = [_number(value) for value in found.top.value[unit].tolist()]
        ranks = zip(found.rank[unit].tolist(), found.samples.value[unit].tolist(), strict=True)
        groups: list[tuple[Examples, list[str]]] = [
            (found.top, values),
            (found.samples, [f"{rank:.2f}: {_number(value)}" for rank, value in ranks]),
        ]
        for group, (examples, words) in enumerate(groups):
            for place, word in zip(examples.of(unit), words, strict=False):
                spots.append(_Spot(len(spots), unit, group, *place, word))
    return spots


def _number(value: float) -> str:
    """Three digits, and never an exponent for what is large."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _lay_down(waiting: Spooled, heat: Heat, spots: Sequence[_Spot], units: Units, side: int) -> None:
    """Make the pictures of one image's examples."""
    pixels, layer = heat.pixels.numpy(), units.layer
    for spot in spots:
        of = seen(layer, spot.row, spot.column, side, pixels.shape[1])
        waiting.put(
            spot.number, np.stack([crop(pixels, of), overlaid(pixels, heat.maps[spot.unit].numpy(), layer, of)])
        )


def _draw_sheets(
    waiting: Spooled,
    spots: Sequence[_Spot],
    units: Units,
    found: DatasetExamples,
    chosen: Sequence[int],
    side: int,
    out: Path,
) -> list[Path]:
    of_unit: dict[int, list[_Spot]] = defaultdict(list)
    for spot in spots:
        of_unit[spot.unit].append(spot)
    paths = [out / f"{unit:05d}-examples.png" for unit in chosen]
    with Progress("sheets", len(chosen), "units") as progress:
        for unit, path in zip(chosen, paths, strict=True):
            groups = [[_shown(waiting, spot) for spot in of_unit[unit] if spot.group == group] for group in (0, 1)]
            draw_sheet(groups, _words(units, found, unit, side), path, _about(units, unit))
            progress.update(1)
    return paths


def _shown(waiting: Spooled, spot: _Spot) -> Shown:
    pictures = waiting.get(spot.number)
    return Shown(None, None, spot.words) if pictures is None else Shown(pictures[0], pictures[1], spot.words)


def _words(units: Units, found: DatasetExamples, unit: int, side: int) -> Words:
    layer, fires = units.layer, int(found.fires[unit])
    share = f"{fires / found.images:.1%}" if 0 < fires < found.images else ("all" if fires else "none")
    maximum = f"; maximum {_number(found.top.value[unit, 0].item())}" if fires else ""
    whole = "all" if side >= layer.receptive_field else f"the middle {side} px"
    crops = f"; crops: {whole} of the {layer.receptive_field} px that a position sees" if fires else ""
    return Words(
        f"{units.network.name} {layer.name}, {units.kind.removesuffix('s')} {unit}",
        f"fires in {share} of {found.images:,} images{maximum}{crops}",
        _FOOT if fires else "",
        _GROUPS,
    )


def _about(units: Units, unit: int) -> dict[str, str]:
    return {
        "Software": f"visae {VERSION}",
        "network": units.network.name,
        "layer": units.layer.name,
        "kind": units.kind,
        "unit": str(unit),
    }
