"""The house: a floor imports only from floors below, modules do not import each other in circles, names are unique."""

import ast
import importlib
import pkgutil
from collections import Counter
from pathlib import Path

import pytest

import visae

PACKAGE = Path(visae.__file__).parent
# From the ground up.
FLOORS = [
    "_version",
    "_support",
    "images",
    "networks",
    "sae",
    "activations",
    "units",
    "metrics",
    "training",
    "held_out",
    "evaluation",
    "examples",
    "tuning",
    "nulls",
    "decomposition",
    "featurevis",
    "plots",
    "atlas",
    "papers",
    "run",
    "commands",
    "cli",
    "__main__",
]
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}


def imports(name):
    """The modules of visae that a module imports, at its top or within a function; types alone do not count."""
    tree = ast.parse(MODULES[name].read_text())
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node not in for_types and str(node.module).split(".")[0] == "visae":
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in MODULES else node.module


def floor(name):
    return FLOORS.index(name.split(".")[1]) if "." in name else -1


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_come_from_below(name):
    if name == "visae":
        return
    above = {other for other in imports(name) if other != "visae" and floor(other) > floor(name)}
    assert above == set()


@pytest.mark.slow
def test_no_circles_among_files():
    graph = {name: set(imports(name)) - {"visae", name} for name in MODULES}
    while free := {name for name, needed in graph.items() if not needed & graph.keys()}:
        graph = {name: needed for name, needed in graph.items() if name not in free}
    assert graph == {}


def test_class_names_are_unique():
    classes = Counter(
        node.name
        for path in MODULES.values()
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in classes.items() if count > 1] == []


PACKAGES = ["visae"] + [
    module.name
    for module in pkgutil.walk_packages(visae.__path__, "visae.")
    if module.ispkg and not module.name.startswith(("visae._", "visae.commands"))
]


@pytest.mark.parametrize("name", PACKAGES)
def test_every_export_exists_and_none_hides_a_module(name):
    package = importlib.import_module(name)
    for export in package.__all__:
        assert getattr(package, export) is not None
        if f"{name}.{export}" in MODULES:
            assert getattr(package, export) is importlib.import_module(f"{name}.{export}")


@pytest.mark.parametrize("name", sorted(MODULES))
def test_modules_are_private_or_packages_or_few(name):
    """What is public is exported by a package; the other public modules are those named here."""
    parts = name.split(".")
    public = {
        "visae",
        "visae.cli",
        "visae.evaluation",
        "visae.held_out",
        "visae.run",
        "visae.units",
        "visae.papers.report",
    }
    is_package = MODULES[name].name == "__init__.py"
    is_private = any(part.startswith("_") for part in parts[1:]) or parts[1:2] == ["commands"]
    assert is_package or is_private or name in public


@pytest.mark.parametrize("name", sorted(MODULES))
def test_functions_are_shorter_than_a_screen(name):
    functions = [node for node in ast.walk(ast.parse(MODULES[name].read_text())) if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in functions if node.end_lineno - node.lineno >= 60] == []


@pytest.mark.parametrize("folder", ["visae", "tests", "benchmarks", "docs"])
def test_variables_are_nouns(folder):
    """`of`, `found` and `place` once meant five things each."""
    names = set()
    for path in (PACKAGE.parent / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.arg):
                names.add(node.arg)
    assert names & {"of", "found", "place"} == set()
