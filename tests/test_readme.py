import re
import runpy
import shutil
import subprocess
from itertools import islice
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
CODE = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[1]

# A training of a second instead of minutes.
SHORT = {
    "width=768": "width=128",
    'out="runs/mod3")': 'out="runs/mod3", training=visae.TrainingConfig(rows_seen=50_000))',
}


def run_code(changes):
    """Run the README's Python with some of its text replaced, and with pictures of few steps; return its names."""
    code = CODE
    for old, new in {**changes, "[3, 17]))": "[3, 17]), optimisation=visae.featurevis.Optimisation(steps=8))"}.items():
        assert old in code
        code = code.replace(old, new)
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    return names


def test_it_is_at_most_8_kb():
    assert README.stat().st_size <= 8000


@pytest.mark.slow
def test_its_python_runs(data, tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    for path in islice(sorted((data / "images/urban100").glob("*.jpg")), 40):
        (tmp_path / "photos" / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VISAE_WEIGHTS", str(data / "weights"))
    names = run_code(SHORT)
    assert (tmp_path / "curves.png").is_file()
    assert names["curves"].preferred.shape == (128,)
    assert names["rows"].dim == 96
    assert names["pictures"].shape[:2] == (2, 3)


@pytest.mark.slow
def test_its_python_runs_on_the_planted_network(tmp_path, monkeypatch):
    """Without data: the planted network and dead leaves replace InceptionV1 and photographs."""
    monkeypatch.chdir(tmp_path)
    names = run_code({'"inceptionv1-caffe"': '"planted"', "mixed3b_5x5": "mixed", "photos/": "leaves:48", **SHORT})
    assert names["curves"].preferred.shape == (128,)
    assert names["pictures"].shape[:2] == (2, 3)


def test_its_python_has_about_ten_lines():
    assert 8 <= sum(1 for line in CODE.splitlines() if line) <= 12


def test_its_commands_are_targets_of_the_makefile():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"\bmake (\w+)", README.read_text())
    assert named
    assert set(named) <= set(targets)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_alone_prints_its_targets():
    command = ["make", "--no-print-directory"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line.split()[:2] for line in printed.stdout.splitlines()] == [
        ["make", name] for name in ("help", "demo", "test", "quick", "lint", "docs")
    ]


def test_every_command_is_listed():
    from visae.cli import COMMANDS

    table = README.read_text().partition("## Commands")[2].partition("##")[0]
    assert set(re.findall(r"`visae (\w+)`", table)) == set(COMMANDS)


def test_the_table_of_kinds_is_up_to_date():
    """After a kind was added or renamed: `python docs/kinds_table.py`."""
    script = runpy.run_path(str(ROOT / "docs/kinds_table.py"))
    text = README.read_text()
    assert script["START"] in text
    assert script["with_table"](text) == text


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", README.read_text()))))
def test_links_lead_somewhere(link):
    if not link.startswith("https://"):
        assert (README.parent / link.partition("#")[0]).exists()
