"""Saving what matplotlib drew."""

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from visae._support import files
from visae._support.errors import VisaeError

# Okabe and Ito's colours, which the colour-blind can tell apart.
BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure, atomically, in the format of the suffix; raises `VisaeError` for one that is none."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in figure.canvas.get_supported_filetypes():
        raise VisaeError(
            f"a plot cannot be a {path.suffix or 'file without suffix'}: {path}; name a .png, .pdf or .svg"
        )
    drawn = BytesIO()
    figure.savefig(drawn, format=kind)
    files.write_bytes(path, drawn.getvalue())
