"""Errors that a user can cause and fix."""

import difflib
from collections.abc import Iterable


class VisaeError(Exception):
    """Something a user can fix: the message says what was found, what was expected and what to do.

    The command line prints it in one line and exits with 2.
    """


class TooFewRowsError(VisaeError):
    """A store has too few rows for what is to be made from them."""


def unknown(what: str, name: str, known: Iterable[str]) -> VisaeError:
    """Return the error for an unknown name: it lists the nearest known names, or the first few."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=4, cutoff=0.5)
    if near:
        return VisaeError(f"no {what} named {name!r}; the nearest are {', '.join(near)}")
    rest = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return VisaeError(f"no {what} named {name!r}; there are {', '.join(names[:8])}{rest}")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the end of a message that lists the nearest names; empty if none is near."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; the nearest are {', '.join(near)}" if near else ""
