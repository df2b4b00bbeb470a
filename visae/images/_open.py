"""From what a user calls a set of images to the images."""

from pathlib import Path

from visae._support.errors import VisaeError
from visae.images._leaves import Leaves
from visae.images._photographs import SUFFIXES, Photographs
from visae.images._source import Images

_LEAVES = "leaves:"


def open_images(what: str | Path | Images, resize: int = 256, crop: int = 224, seed: int = 0) -> Images:
    """The images of a folder, a list file, or `leaves:N`; what is `Images` already comes back as it is.

    Photographs have their short side resized to `resize` px and their middle cropped to `crop` px; leaves
    are painted at `crop` px, from `seed`. Raises `VisaeError` for anything else.
    """
    if not isinstance(what, str | Path):
        return what
    if isinstance(what, str) and what.startswith(_LEAVES):
        return Leaves(_count(what), crop, seed)
    path = Path(what)
    if path.is_dir():
        return Photographs.from_folder(what, resize, crop)
    if path.suffix.lower() in SUFFIXES and path.is_file():
        raise VisaeError(f"{what} is a single image; give its folder, or a text file that lists images")
    if path.is_file():
        return Photographs.from_list(what, resize, crop)
    raise VisaeError(f"found nothing at {what}; expected a folder of images, a list file, or leaves:N")


def _count(what: str) -> int:
    number = what.removeprefix(_LEAVES)
    if not (number.isascii() and number.isdigit() and int(number) > 0):
        raise VisaeError(f"found {what!r}, expected a count of at least 1 after the colon, for instance leaves:2000")
    return int(number)
