"""visae examples"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visae._support.paths import require_images
from visae.commands.options import ImageSizeOptions, check_at_least
from visae.commands.units import UnitOptions

if TYPE_CHECKING:
    from visae.examples import DatasetExamples, Examples
    from visae.images import Images
    from visae.units import Units

_SCHEMA = 1


@dataclass(kw_only=True)
class ExamplesCommand(ImageSizeOptions, UnitOptions):
    """Find the images that activate units most, and images at quantiles of their activation; draw a sheet per unit.

    One pass over the images searches all units; only --units are drawn. Positions count only if their receptive field
    lies inside the image or, where receptive fields are too large for that, if its centre is far from the border.

    Example: visae examples runs/topk8 --images photos/ --units 3,17,50:60 --out runs/examples

    Example: visae examples inceptionv1-caffe:mixed3b --images photos/ --units 379 --out runs/mixed3b
    """

    images: str
    """A folder (searched recursively), a text file with one path per line, or leaves:N for N dead-leaves images."""
    out: Path
    """Folder for a sheet per unit, NNNNN-examples.png, and examples.json."""
    count: int = 8
    """Strongest examples to keep for each unit."""
    per_image: int = 1
    """Maximum number of these from one image."""
    seed: int = 0
    """Seeds the leaves and the choice of images for the quantiles."""

    def check(self) -> None:
        """Raise `VisaeError` for invalid options."""
        self.check_target()
        require_images(self.images)
        check_at_least(1, count=self.count, per_image=self.per_image)

    def run(self) -> None:
        """Search, write, draw, and print where the files are."""
        import visae
        from visae._support import files
        from visae.examples import QUANTILES, border_margin, find_examples
        from visae.images import open_images
        from visae.plots import plot_examples

        images = open_images(self.images, self.resize, self.crop, self.seed)
        units = self.open_units()
        selected = self.selected(units)
        margin = border_margin(units.layer, images)
        examples = find_examples([units], images, self.count, QUANTILES, margin, self.per_image, self.seed)[0]
        settings = {
            "target": self.target,
            "images": images.settings(),
            "count": self.count,
            "per_image": self.per_image,
            "quantiles": list(QUANTILES),
            "margin": margin,
            "seed": self.seed,
        }
        report = {"schema": _SCHEMA, "visae": visae.__version__, "settings": settings, **_report(units, examples)}
        report["units"] = [_unit(examples, unit, images) for unit in selected]
        plot_examples(units, examples, selected, images, margin, self.out)
        files.write_json(self.out / "examples.json", report)
        _show(units, examples, selected, self.out)


def _report(units: "Units", examples: "DatasetExamples") -> dict[str, Any]:
    """Return the part of examples.json that is common to all units."""
    return {
        "network": units.network.name,
        "weights": units.network.digest,
        "layer": units.layer.name,
        "kind": units.kind,
        "images_read": examples.images,
        "images_skipped": examples.skipped,
    }


def _unit(examples: "DatasetExamples", unit: int, images: "Images") -> dict[str, Any]:
    """Return one unit's entry in examples.json."""
    ranks = zip(examples.rank[unit].tolist(), examples.rank_error()[unit].tolist(), strict=True)
    samples = zip(_positions(examples.samples, unit, images), ranks, strict=False)
    return {
        "unit": unit,
        "fires": int(examples.fires[unit]),
        "top": _positions(examples.top, unit, images),
        "quantiles": [{"quantile": rank, "error": error, **position} for position, (rank, error) in samples],
    }


def _positions(examples: "Examples", unit: int, images: "Images") -> list[dict[str, Any]]:
    values = examples.value[unit].tolist()
    return [
        {"image": images.key(image), "row": row, "column": column, "value": value}
        for (image, row, column), value in zip(examples.positions(unit), values, strict=False)
    ]


def _show(units: "Units", examples: "DatasetExamples", selected: list[int], out: Path) -> None:
    silent = int((examples.fires[selected] == 0).sum())
    skipped = f", {examples.skipped:,} skipped" if examples.skipped else ""
    kind = units.kind if len(selected) > 1 else units.kind.removesuffix("s")
    never = f"; {silent:,} of them never fire" if silent else ""
    print(f"{len(selected):,} {kind} of {units.layer.name} in {examples.images:,} images{skipped}{never}")
    print(f"sheets:   {out / f'{selected[0]:05d}-examples.png'}{' ...' * (len(selected) > 1)}")
    print(f"examples: {out / 'examples.json'}")
