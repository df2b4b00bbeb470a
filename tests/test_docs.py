import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from safetensors import safe_open

import visae
from visae.cli import COMMANDS, main
from visae.sae import kinds

DOCS = Path(__file__).parent.parent / "docs"
COMMANDS_PAGE = (DOCS / "guide/commands.md").read_text()


@pytest.fixture(scope="module")
def docstrings():
    """The module that converts docstrings."""
    sys.path.insert(0, str(DOCS))
    import docstrings

    yield docstrings
    sys.path.remove(str(DOCS))


def packages(package=visae):
    """A package, and those below it that it exports."""
    yield package
    for name in package.__all__:
        member = getattr(package, name)
        if isinstance(member, ModuleType) and hasattr(member, "__all__"):
            yield from packages(member)


def documented(package):
    """The names that the page of a package documents, or links to where they are documented."""
    path = "visae" if package is visae else package.__name__.removeprefix("visae.")
    page = (DOCS / f"api/{path}.md").read_text()
    names = re.findall(r"^\.\. auto(?:class|function|data):: ([\w.]+)$", page, re.MULTILINE)
    names += re.findall(r"\{py:obj\}`([\w.]+)`", page)
    if "<!-- kinds -->" in page:
        names += [f"{package.__name__}.{config.__name__}" for config in kinds().values()]
    return names


def exported(package):
    """The names that a package exports, modules and the version aside."""
    return {
        name
        for name in package.__all__
        if not isinstance(getattr(package, name), ModuleType) and not name.startswith("__")
    }


@pytest.mark.parametrize("package", list(packages()), ids=lambda package: package.__name__)
def test_api_page_documents_what_its_package_exports(package):
    """After an export was added or renamed: `python docs/api_pages.py`."""
    names = documented(package)
    assert exported(package) - {name.rpartition(".")[2] for name in names} <= linked_kinds(package)
    for name in names:
        owner, _, attribute = name.rpartition(".")
        assert hasattr(sys.modules[owner], attribute), f"{name} is documented and does not exist"


def linked_kinds(package):
    """Config classes that the page of `visae.sae` documents for `visae` too."""
    return {config.__name__ for config in kinds().values()} if package is visae else set()


def test_every_api_page_is_of_a_package():
    pages = {path.stem for path in (DOCS / "api").glob("*.md")} - {"index"}
    assert pages == {package.__name__.removeprefix("visae.") for package in packages()}


def python_blocks(page):
    return "\n\n".join(re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE))


@pytest.mark.slow
@pytest.mark.parametrize("page", ["guide/python.md", "extending.md"])
def test_python_of_a_page_runs(page, tmp_path):
    """In a process of its own, since it registers a kind and a stimulus."""
    script = tmp_path / "page.py"
    script.write_text(python_blocks(page))
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def console_examples():
    for block in re.findall(r"^```console\n(.*?)^```", COMMANDS_PAGE, re.DOTALL | re.MULTILINE):
        for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = example.partition("\n")
            yield command, output


@pytest.mark.parametrize(("command", "output"), list(console_examples()), ids=lambda text: text[:40])
def test_command_prints_what_the_guide_says(command, output, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = 0
        try:
            main(shlex.split(command)[1:])
        except SystemExit as left:
            code = left.code
    assert [line.rstrip() for line in printed.getvalue().splitlines()] == output.splitlines()
    assert code == (2 if output.startswith("visae:") else 0)


def options(*command):
    """The options that the help of a command lists."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        main([*command, "--help"])
    return {option for option in re.findall(r"(--[a-z][a-z0-9-]*)", printed.getvalue()) if "--no-" not in option}


SETTINGS = {f"--{name.replace('_', '-')}" for config in kinds().values() for name in config.__dataclass_fields__}
NOT_OPTIONS = {"--help", "--COMMAND"}


@pytest.mark.parametrize("name", list(COMMANDS))
def test_guide_shows_every_option(name):
    section = COMMANDS_PAGE.partition(f"## visae {name}\n")[2].partition("\n## ")[0]
    assert section, f"the guide has no section on visae {name}"
    shared = COMMANDS_PAGE.partition("## Options that several commands share")[2].partition("\n## ")[0]
    if name == "run":
        shared += "".join(
            COMMANDS_PAGE.partition(f"## visae {other}\n")[2].partition("\n## ")[0] for other in ("capture", "train")
        )
    kinds_page = (DOCS / "guide/kinds.md").read_text()
    papers = re.findall(r"visae reproduce ([\w-]+)", section) if name == "reproduce" else []
    listed = set().union(*(options(name, paper) for paper in papers)) if papers else options(name)
    missing = {option for option in listed - NOT_OPTIONS if option not in section + shared}
    assert {option for option in missing if option not in SETTINGS or option not in kinds_page} == set()


def test_pictures_are_at_most_500_kb():
    pictures = [path for path in DOCS.glob("results/*.*") if path.suffix in (".png", ".jpg")]
    assert pictures
    assert [path.name for path in pictures if path.stat().st_size > 500_000] == []


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("Return |x|^2 of `x`, for *s.", r"Return \|x\|^2 of ``x``\ , for \*s."),
        ("Summary.\n\nwidth:  features, m.\nk:      how many,\n        at most.", "``width``\n    features, m."),
        ("Summary.\n\nencoder: [m, d];  bias: [d].", "``bias``\n    [d]."),
        ("Summary.\n\nx, y:  px.", "``x, y``\n    px."),
        ("Summary.\n\nk:  how many.\nThe rest goes on.", "    how many.\n\nThe rest goes on."),
        ("Example:\n\n    train(x)", "::\n\n    train(x)"),
        ("A note: entries do not begin in a summary.", "A note: entries do not begin in a summary."),
        ("See `visae.TopK` and `TopK`.", r":py:obj:`TopK <visae.TopK>`\ ."),
    ],
)
def test_docstrings_become_restructured_text(docstrings, docstring, expected):
    assert expected in "\n".join(docstrings.to_rst(docstring.splitlines()))


def keys(content):
    """The keys of nested objects, those of settings of a kind aside."""
    for key, value in content.items():
        yield key
        if isinstance(value, dict) and key not in ("config", "training", "metrics"):
            yield from keys(value)


@pytest.mark.slow
def test_formats_name_every_tensor_and_key(recovered):
    page = set(re.findall(r"`([^`\n]+)`", (DOCS / "formats.md").read_text()))
    out = recovered[0]
    result = set(keys(json.loads((out / "rows/manifest.json").read_text())))
    for path in (out / "rows/shard-00000.safetensors", out / "sae/sae.safetensors"):
        with safe_open(path, framework="pt") as file:
            result |= set(file.keys()) | set(keys(json.loads(file.metadata()["visae"])))
    images_settings = {"kind", "model", "count", "size"}
    assert result - page - images_settings == set()
