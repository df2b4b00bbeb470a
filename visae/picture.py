"""Saving what matplotlib drew."""

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from visae import files
from visae.errors import VisaeError


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
