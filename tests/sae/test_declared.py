"""Kinds as their files declare them, read without torch; tests/test_cli.py compares them with the registered ones."""

import importlib
import sys
from textwrap import dedent

import pytest

import visae.sae
from visae.sae import Archetypal, _declared, _registry, kinds
from visae.sae._declared import config_named, declared_kinds

BASE = """
    import math
    from dataclasses import dataclass
    from typing import Any, ClassVar

    import torch

    from visae._support.errors import VisaeError
    from visae.sae._config import SAEConfig, finite
    from visae.sae._registry import register_kind
    from visae.sae._topk import TopKSAE

    SLOPE = torch.ones(())


    class FirstSAE(TopKSAE):
        pass


    @register_kind
    @dataclass(frozen=True)
    class First(SAEConfig):
        kind: ClassVar[str] = "first"
        sae: ClassVar[Any] = FirstSAE
        summary: ClassVar[str] = "the first"
        slope: float = 0.5

        def __post_init__(self) -> None:
            if not finite(self.slope):
                raise VisaeError(f"slope is {self.slope:g}")
"""
HEIR = """
    from dataclasses import dataclass
    from typing import Any, ClassVar

    import torch

    from visae.sae._first import First, FirstSAE
    from visae.sae._registry import register_kind


    class SecondSAE(FirstSAE):
        pass


    @dataclass(frozen=True)
    class _Shared(First):
        levels: int = 2


    @register_kind
    @dataclass(frozen=True)
    class Second(_Shared):
        kind: ClassVar[str] = "second"
        sae: ClassVar[Any] = SecondSAE
        baseline: ClassVar[bool] = True
"""


@pytest.fixture
def two_files(tmp_path, monkeypatch):
    """Two files of kinds in the package, where the second inherits from the first."""
    kinds()
    for path in _declared._FOLDER.glob("_*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "_first.py").write_text(dedent(BASE))
    (tmp_path / "_second.py").write_text(dedent(HEIR))
    monkeypatch.setattr(visae.sae, "__path__", [*visae.sae.__path__, str(tmp_path)])
    monkeypatch.setattr(_declared, "_FOLDER", tmp_path)
    monkeypatch.setattr(_registry, "_REGISTERED", dict(_registry._REGISTERED))
    _declared._execute.cache_clear()
    yield
    _declared._execute.cache_clear()
    for name in ("_first", "_second"):
        sys.modules.pop(f"visae.sae.{name}", None)
        vars(visae.sae).pop(name, None)


@pytest.mark.usefixtures("two_files")
def test_config_classes_are_read_with_bases_from_other_files(monkeypatch):
    """And without importing the files, nor torch for what is outside of those classes."""
    monkeypatch.setitem(sys.modules, "torch", None)
    declared = declared_kinds()
    assert list(declared)[-1] == "second", "baselines are last"
    first, second = declared["first"], declared["second"]
    assert (first.summary, first().slope) == ("the first", 0.5)
    assert (second.summary, second().levels, second().slope) == ("the first", 2, 0.5)
    assert issubclass(second, first)
    assert first.sae is None
    with pytest.raises(visae.VisaeError, match="slope is -1"):
        second(slope=-1.0)
    assert not {"visae.sae._first", "visae.sae._second"} & set(sys.modules)


@pytest.mark.usefixtures("two_files")
def test_a_new_file_is_all_that_a_kind_in_the_package_needs():
    second = visae.Second
    assert second is visae.sae.Second is config_named("Second") is kinds()["second"]
    assert second.sae is importlib.import_module("visae.sae._second").SecondSAE
    assert kinds()["first"] is visae.First
    assert list(kinds())[-1] == "second"


def test_config_classes_are_found_by_name():
    assert config_named("Archetypal") is Archetypal
    for module in (visae, visae.sae):
        for name in ("Nothing", "nothing", "TopKSAE", "_Baseline"):
            with pytest.raises(AttributeError, match=name):
                getattr(module, name)
