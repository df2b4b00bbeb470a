"""Write the table of docs/rooms.md, files and lines of each package at two commits.

    python docs/rooms_table.py ba29ae6 HEAD

Lines are those of Python files below visae/, blank ones and comments included. A package that moved is listed under
both of its names.
"""

import subprocess
import sys
from collections import Counter
from pathlib import Path

PAGE = Path(__file__).with_name("rooms.md")
START, END = "<!-- packages: written by docs/rooms_table.py -->", "<!-- end of packages -->"


def git(*arguments: str) -> str:
    """What a git command prints."""
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout


def packages(commit: str) -> tuple[Counter[str], Counter[str]]:
    """Python files and their lines by the folder below visae/ that holds them, at a commit."""
    files: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for path in git("ls-tree", "-r", "--name-only", commit, "visae").splitlines():
        if path.endswith(".py"):
            parts = path.split("/")
            package = parts[1] if len(parts) > 2 else "(top level)"
            files[package] += 1
            lines[package] += git("show", f"{commit}:{path}").count("\n")
    return files, lines


def table(before: str, after: str) -> str:
    """A Markdown row for each package: files and lines before, and after."""
    (files_before, lines_before), (files_after, lines_after) = packages(before), packages(after)
    rows = ["| package | files before | lines before | files after | lines after |", "| --- | --- | --- | --- | --- |"]
    for name in sorted({*files_before, *files_after}):
        cells = (files_before[name], lines_before[name], files_after[name], lines_after[name])
        rows.append(f"| `{name}` | {' | '.join(f'{cell:,}' if cell else '' for cell in cells)} |")
    totals = (counts.total() for counts in (files_before, lines_before, files_after, lines_after))
    return "\n".join([*rows, f"| **all** | {' | '.join(f'{total:,}' for total in totals)} |"])


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(START)
    PAGE.write_text(f"{before}{START}\n{table(*sys.argv[1:3])}\n{END}{rest.partition(END)[2]}")
