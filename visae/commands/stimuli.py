"""visae stimuli"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from visae.commands.options import File

if TYPE_CHECKING:
    from visae.tuning.stimuli import Parameter


@dataclass(kw_only=True)
class StimuliCommand:
    """List the synthetic stimuli and their parameters, or draw them all on one sheet.

    Example: visae stimuli --sheet stimuli.png
    """

    sheet: File = None
    """Image file for the sheet, by its suffix (.png, .pdf, .svg); without it, the parameters are listed."""

    def run(self) -> None:
        """Print the list, or draw the sheet."""
        if self.sheet:
            from visae.plots import plot_stimuli

            plot_stimuli(self.sheet)
            print(f"sheet: {self.sheet}")
            return
        from visae.tuning.stimuli import STIMULI

        print(f"{'stimulus':<20} {'parameter':<12} {'default':>8}  allowed")
        for kind in STIMULI.values():
            for name, parameter in kind.parameters.items():
                default = "none" if math.isinf(parameter.default) else f"{parameter.default:g}"
                print(f"{kind.name:<20} {name:<12} {default:>8}  {_range(parameter)}")
        print(
            "orientation: degrees clockwise from +x; for a circle, from its centre to the rim; "
            "for straight stimuli, of their normal"
        )
        print("all take x and y, px to the right of and below the middle, and contrast, -1..1 (1: ink is white)")


def _range(parameter: "Parameter") -> str:
    unit = "" if parameter.unit in parameter.allowed or not parameter.unit else f", {parameter.unit}"
    period = f"; repeats after {parameter.period:g}" if parameter.period else ""
    return f"{parameter.allowed}{unit}{period}"
