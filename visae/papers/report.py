"""Shared parts of every paper's report: verdicts, and writing the numbers and the page."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

from visae._support import files
from visae._support.tables import markdown

# How much a paper's reproduction spends: quick takes a minute or two on two cores, full has the paper's sizes.
SettingsName = Literal["quick", "full"]
# A table's cells by heading: a format string or a function of a row.
Columns = dict[str, str | Callable[[Any], str]]

_VERDICTS: Columns = {
    "claim": "{claim}",
    "paper, or exact": "{paper}",
    "ours": "{ours}",
    "rule": "{rule}",
    "verdict": lambda verdict: "reproduced" if verdict["holds"] else "**not reproduced**",
}


@dataclass(frozen=True)
class Verdict:
    """One claim, judged.

    claim:  what is measured.
    paper:  the paper's number, or the exact expected value.
    ours:   what was measured here.
    rule:   when `holds` is true; stated before the measurement, so that a reader can disagree with it.
    """

    claim: str
    paper: str
    ours: str
    rule: str
    holds: bool


def table(rows: Iterable[Mapping[str, Any]], columns: Columns) -> str:
    """Rows of numbers as a Markdown table.

    columns: for each heading, a format string over the row's keys, such as "{loss[mean]:.2f}", or a function of the
    row.
    """
    cells = [
        [column.format_map(row) if isinstance(column, str) else column(row) for column in columns.values()]
        for row in rows
    ]
    return markdown([list(columns), *cells])


def mean_and_spread(values: Iterable[float | None]) -> tuple[float, float]:
    """Mean and sample standard deviation of the numbers that are not null; NaN if there are too few."""
    numbers = [value for value in values if value is not None]
    return (fmean(numbers) if numbers else nan), (stdev(numbers) if len(numbers) > 1 else nan)


def plus_minus(mean: float, spread: float, form: str = ".3f") -> str:
    """A mean and its spread as text."""
    return f"{mean:{form}} ± {spread:{form}}"


def verdict_parts(report: Mapping[str, Any]) -> dict[str, str]:
    """The verdicts of a report for its page: the `count` of claims that hold, and a `verdict_table` of all."""
    verdicts = report["verdicts"]
    count = f"{sum(verdict['holds'] for verdict in verdicts)} of {len(verdicts)} claims are reproduced."
    return {"count": count, "verdict_table": table(verdicts, _VERDICTS)}


def fill_page(paper: str, values: Mapping[str, Any]) -> str:
    """Fill the fields of a paper's page.md, such as {settings[n]:,}; paragraphs left empty are dropped."""
    template = (Path(__file__).parent / paper / "page.md").read_text()
    return re.sub(r"\n{3,}", "\n\n", template.format_map(values)).rstrip() + "\n"


def write_report(out: Path, name: str, numbers: Mapping[str, Any], text: str) -> None:
    """Write `<name>.json` and `<name>.md` to a folder, atomically."""
    files.write_json(out / f"{name}.json", numbers)
    files.write_bytes(out / f"{name}.md", text.encode())
