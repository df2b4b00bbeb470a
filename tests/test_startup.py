"""What is imported before work begins: torch takes longer than any help or error should."""

import json
import subprocess
import sys

import pytest

from visae.cli import COMMANDS
from visae.commands.reproduce import PAPERS

SLOW = ("torch", "torchvision", "numpy", "scipy", "sklearn", "matplotlib", "PIL")
SCRIPT = """
import json, sys
from visae import cli
try:
    cli.main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
print(json.dumps([code or 0, [name for name in SLOW if name in sys.modules]]), file=sys.stderr)
"""
HELP = ["--help", *(f"{name} --help" for name in COMMANDS), *(f"reproduce {name} --help" for name in PAPERS)]
ERRORS = [
    "",
    "trian",
    "train --rowz rows",
    "train --rows nowhere --out out",
    "train --rows nowhere --out out --k 0",
    "train --rows nowhere --out out --sae nothing",
    "run --network planted --layer mixed --images leaves:4 --out out --sae matryoshka --levels 99",
    "run --network plantd --layer mixed --images leaves:4 --out out",
    "run --network planted --layer mixed --images nowhere --out out",
    "run --network planted --layer mixed --images leaves:4 --out out --lr 0",
    "capture --network planted --layer mixed --images leaves:none --out out",
    "evaluate nowhere",
    "curves --dictionary nowhere --out out",
    "curves --out out",
    "render nowhere --out out",
    "examples planted:mixed --images leaves:4 --out out --units 5:3",
    "atlas nowhere --images leaves:4 --out out",
    "decompose --dictionary nowhere",
    "reproduce missing-curves --out out --network torchvision:resnet18",
    "reproduce bag-of-words --out out --text nowhere",
]


def imported(arguments):
    """Exit code, slow modules that were imported, and what was printed on the standard error before."""
    script = SCRIPT.replace("SLOW", repr(SLOW))
    ran = subprocess.run([sys.executable, "-c", script, *arguments.split()], capture_output=True, text=True, check=True)
    *lines, last = ran.stderr.splitlines()
    return (*json.loads(last), lines)


@pytest.mark.parametrize("arguments", HELP)
def test_help_imports_nothing_slow(arguments):
    code, slow, _ = imported(arguments)
    assert (code, slow) == (0, [])


@pytest.mark.parametrize("arguments", ERRORS)
def test_errors_before_work_import_nothing_slow(arguments):
    code, slow, lines = imported(arguments)
    assert (code, slow) == (2, [])
    assert len(lines) == bool(arguments)


def test_importing_visae_imports_nothing_slow():
    script = f"import sys, visae; print([name for name in {SLOW!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
