"""Write the README's table of SAE kinds from the registry: `python docs/kinds_table.py`.

A kind that is added says what it is in its own file; this copies it to where people read it first.
"""

import re
from pathlib import Path

from visae.sae import kinds

README = Path(__file__).parent.parent / "README.md"
START, END = "<!-- kinds: written by docs/kinds_table.py -->", "<!-- end of kinds -->"


def table() -> str:
    """A Markdown row for each kind of the package: its name, what it is, and where it comes from."""
    own = {name: config for name, config in kinds().items() if config.__module__.startswith("visae.")}
    rows = [f"| `{name}` | {config.summary} | {_linked(config.source)} |" for name, config in own.items()]
    return "\n".join(["| kind | what it is | source |", "| --- | --- | --- |", *rows])


def with_table(text: str) -> str:
    """A page's text with the table as it is now between its markers."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{table()}\n{END}{after}"


def _linked(source: str) -> str:
    return re.sub(r"arXiv (\d{4}\.\d{5})", r"[arXiv \1](https://arxiv.org/abs/\1)", source)


if __name__ == "__main__":
    README.write_text(with_table(README.read_text()))
