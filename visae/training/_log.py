"""The training log: a line of JSON every so often."""

import json
from pathlib import Path
from typing import Any

from visae._support import files
from visae._support.errors import VisaeError

FILE = "log.jsonl"


class Log:
    """Lines of JSON in `folder`, each with a `step`; lines of steps that will be run again are dropped on opening."""

    def __init__(self, folder: Path, step: int):
        self.path = folder / FILE
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        kept = [line for line in lines if _step(line) < step]
        files.write_bytes(self.path, "".join(f"{line}\n" for line in kept).encode())

    def write(self, **entry: Any) -> None:
        """Append one line; raises `VisaeError` where that is not possible."""
        try:
            with self.path.open("a") as file:
                file.write(json.dumps(entry, allow_nan=False) + "\n")
        except OSError as error:
            raise VisaeError(f"cannot write {self.path}: {error.strerror or error}") from error


def _step(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        # A line that a killed run left half written.
        return float("inf")
