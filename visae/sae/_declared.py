"""The kinds of this package as their files declare them, read without torch.

A kind's file holds its config class and its SAE side by side, so importing it imports torch, which takes longer than
everything else in `visae train --help`. The command line only needs the config classes: their names, settings,
defaults, help and checks. So this module executes those classes, and those of the file's imports that do not need
torch.
"""

import ast
import importlib
from functools import cache
from pathlib import Path
from typing import Any

from visae.sae._config import SAEConfig
from visae.sae._registry import in_order

_FOLDER = Path(__file__).parent
# Statements that a config class may need to run; everything else in a file is skipped.
_FREE_OF_TORCH = ("math", "collections.abc", "dataclasses", "typing", "visae._support.errors", "visae.sae._config")


def declared_kinds() -> dict[str, type[SAEConfig]]:
    """Return the config classes of this package's kinds by name, baselines last; their SAEs cannot be built."""
    declared: dict[str, type[SAEConfig]] = {}
    for path in sorted(_FOLDER.glob("_*.py")):
        if "@register_kind" in path.read_text():
            _, registered = _execute(path.stem)
            declared |= {config.kind: config for config in registered}
    return in_order(declared)


def config_named(name: str) -> type[SAEConfig]:
    """Return this package's config class of this name, registered; raises `AttributeError` if there is none."""
    for config in declared_kinds().values():
        if config.__name__ == name:
            registered: type[SAEConfig] = getattr(importlib.import_module(config.__module__), name)
            return registered
    raise AttributeError(f"module 'visae.sae' has no attribute {name!r}")


@cache
def _execute(module: str) -> tuple[dict[str, Any], tuple[type[SAEConfig], ...]]:
    """Execute the config classes of a module; return the namespace they leave, and the classes that are registered."""
    registered: list[type[SAEConfig]] = []

    def register_kind(config: type[SAEConfig]) -> type[SAEConfig]:
        registered.append(config)
        return config

    tree = ast.parse((_FOLDER / f"{module}.py").read_text())
    # A config names the SAE that it builds, which does not exist without torch.
    namespace: dict[str, Any] = {
        node.name: None for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }
    namespace |= {"__name__": f"visae.sae.{module}", "register_kind": register_kind}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("visae.sae._") and node.level == 0:
            namespace |= _configs_from(node)
        if _is_free(node) or (isinstance(node, ast.ClassDef) and _is_config(node, namespace)):
            exec(compile(ast.Module([node], []), str(_FOLDER / f"{module}.py"), "exec"), namespace)
    return namespace, tuple(registered)


def _configs_from(node: ast.ImportFrom) -> dict[str, Any]:
    """Return the config classes among the names that a module imports from another of this package."""
    module = str(node.module).removeprefix("visae.sae.")
    text = (_FOLDER / f"{module}.py").read_text()
    if module in ("_config", "_registry", "_base") or ("@register_kind" not in text and "Config):" not in text):
        return {}
    namespace, _ = _execute(module)
    return {alias.name: namespace[alias.name] for alias in node.names if alias.name in namespace}


def _is_free(node: ast.stmt) -> bool:
    if isinstance(node, ast.Import):
        return all(alias.name in _FREE_OF_TORCH for alias in node.names)
    return isinstance(node, ast.ImportFrom) and str(node.module).startswith(_FREE_OF_TORCH)


def _is_config(node: ast.ClassDef, namespace: dict[str, Any]) -> bool:
    bases = [namespace.get(base.id) for base in node.bases if isinstance(base, ast.Name)]
    return any(isinstance(base, type) and issubclass(base, SAEConfig) for base in bases)
