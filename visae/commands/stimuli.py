"""visae stimuli"""

import math
from dataclasses import dataclass

from visae.commands.options import File
from visae.plots import plot_stimuli
from visae.tuning.stimuli import STIMULI
from visae.tuning.stimuli._kinds import Range


@dataclass(kw_only=True)
class Stimuli:
    """List the synthetic stimuli and their parameters, or draw them all on one sheet.

    Example: visae stimuli --sheet stimuli.png
    """

    sheet: File = None
    """Image file for the sheet, by its suffix (.png, .pdf, .svg); without it, the parameters are listed."""

    def run(self) -> None:
        """Print the list, or draw the sheet."""
        if self.sheet:
            plot_stimuli(self.sheet)
            print(f"sheet: {self.sheet}")
            return
        print(f"{'stimulus':<20} {'parameter':<12} {'default':>8}  may be")
        for kind in STIMULI.values():
            for name, of in kind.parameters.items():
                default = "none" if math.isinf(of.default) else f"{of.default:g}"
                print(f"{kind.name:<20} {name:<12} {default:>8}  {_words(of)}")
        print(
            "orientation: degrees clockwise from +x; of a circle from its centre to the rim, "
            "of all that is straight its normal"
        )
        print("all take, besides: x and y, px right and down of the middle, and contrast, -1..1 (1: ink is white)")


def _words(of: Range) -> str:
    unit = "" if of.unit in of.words or not of.unit else f", {of.unit}"
    period = f"; comes round after {of.period:g}" if of.period else ""
    return f"{of.words}{unit}{period}"
