"""What every paper's report shares: verdicts, and writing the numbers and the page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visae._support import files


@dataclass(frozen=True)
class Verdict:
    """One claim, judged.

    claim:  what is measured.
    paper:  the paper's number, or the exact value that is expected.
    ours:   what was measured here.
    rule:   when `holds` is true; stated before the measurement, so that a reader can disagree with it.
    """

    claim: str
    paper: str
    ours: str
    rule: str
    holds: bool


def verdict_table(verdicts: Iterable[Verdict]) -> list[list[str]]:
    """The paper's number beside ours, one row a claim, the heading first."""
    head = ["claim", "paper, or exact", "ours", "rule", "verdict"]
    return [head, *([v.claim, v.paper, v.ours, v.rule, _word(v)] for v in verdicts)]


def count_held(verdicts: Sequence[Verdict]) -> str:
    """How many claims hold, in words."""
    return f"{sum(verdict.holds for verdict in verdicts)} of {len(verdicts)} claims are reproduced."


def page(parts: Iterable[str]) -> str:
    """Paragraphs, tables and headings of Markdown as one page; empty parts are left out."""
    return "\n\n".join(filter(None, parts)) + "\n"


def write_report(out: Path, name: str, numbers: Mapping[str, Any], text: str) -> None:
    """Write `<name>.json` and `<name>.md` into a folder, atomically."""
    files.write_json(out / f"{name}.json", numbers)
    files.write_bytes(out / f"{name}.md", text.encode())


def _word(verdict: Verdict) -> str:
    return "reproduced" if verdict.holds else "**not reproduced**"
