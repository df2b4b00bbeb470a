"""visae's docstrings as reStructuredText.

They are plain text: prose, code in single backticks, and entries `name:  text` whose text goes on under an indent.
"""

import re
from functools import cache
from types import ModuleType

import visae

# `width:  features, m` or `x, y: px`; a name of several words needs two spaces after its colon.
_ENTRY = re.compile(r"(?P<names>[A-Za-z_][\w.*]*(?:, [\w.*]+)*|[A-Za-z_][\w.*, ]*(?=:\s\s)):\s+(?P<text>\S.*)")
_CODE = re.compile(r"`([^`]+)`")


def process(_app, what, _name, _member, _options, lines):
    """Sphinx's `autodoc-process-docstring`: rewrite the lines in place. A constant has no docstring of its own."""
    lines[:] = [] if what == "data" else to_rst(lines)


def skip_member(_app, _what, _name, member, skip, _options):
    """Sphinx's `autodoc-skip-member`: skip fields of named tuples, and classes that an attribute refers to."""
    is_field = (getattr(member, "__doc__", None) or "").startswith("Alias for field number")
    return True if is_field or isinstance(member, type) else skip


def to_rst(lines):
    """Convert the lines of a docstring: entries become definition lists, and indented blocks literal blocks."""
    converted = []
    for number, paragraph in enumerate(_paragraphs(lines)):
        if paragraph[0].startswith("    "):
            converted += ["::", "", *paragraph]
        elif number and _ENTRY.match(paragraph[0]):
            converted += _fields(paragraph)
        else:
            converted += [_inline(line) for line in paragraph]
        converted.append("")
    return converted


def _paragraphs(lines):
    paragraph = []
    for line in [*lines, ""]:
        if line.strip():
            paragraph.append(line)
        elif paragraph:
            yield paragraph
            paragraph = []


def _fields(paragraph):
    """A paragraph of entries as a definition list. An indented line continues an entry; any other ends the list."""
    entries, after = [], []
    for line in paragraph:
        entry = _ENTRY.match(line)
        if after or not (entry or line.startswith(" ")):
            after.append(_inline(line))
        elif entry:
            entries += _split(line)
        else:
            names, text = entries[-1]
            entries[-1] = names, f"{text} {line.strip()}"
    listed = [line for names, text in entries for line in (f"``{names}``", f"    {_inline(text)}", "")]
    return [*listed, *after]


def _split(line):
    """The entries of a line: `decoder: [m, d];  bias: [d];` has two."""
    for part in re.split(r";\s\s+", line):
        entry = _ENTRY.match(part)
        if entry is None:
            return [_ENTRY.match(line).group("names", "text")]
    return [_ENTRY.match(part).group("names", "text") for part in re.split(r";\s\s+", line)]


def _inline(text):
    """Text with its code as literals, or as links where it is a public name, and nothing else taken as markup."""
    parts = _CODE.split(text)
    for index, part in enumerate(parts):
        parts[index] = _code(part) if index % 2 else re.sub(r"([*|\\]|_\b)", r"\\\1", part)
    return "".join(parts)


def _code(text):
    path = public_names().get(text.rpartition(".")[2], "")
    is_public = text in (path, path.removeprefix("visae."), path.rpartition(".")[2])
    # Letters may follow, as in `Fidelity`s; reStructuredText needs an escaped space between.
    return (f":py:obj:`{text} <{path}>`" if is_public else f"``{text}``") + "\\ "


@cache
def public_names():
    """Where each public name is documented, by the name itself; a name of two packages is left out."""
    names: dict[str, str | None] = {}
    for package in packages():
        for name in package.__all__:
            if name[:1] == "_" or isinstance(getattr(package, name), ModuleType):
                continue
            path = f"visae.{name}" if name in visae.__all__ else f"{package.__name__}.{name}"
            names[name] = path if names.get(name, path) == path else None
    return {name: path for name, path in names.items() if path}


def packages(package=visae):
    """A package, and all packages below it that are exported."""
    yield package
    for name in package.__all__:
        member = getattr(package, name)
        if isinstance(member, ModuleType) and hasattr(member, "__all__"):
            yield from packages(member)
