"""What is imported before work begins: torch takes longer than any help or error should."""

import json
import subprocess
import sys

import pytest

from visae.cli import COMMANDS
from visae.commands.reproduce import PAPERS

pytestmark = pytest.mark.slow

SLOW = ("torch", "torchvision", "numpy", "scipy", "sklearn", "matplotlib", "PIL")
# Runs each line of the standard input as a command, in a child that has imported what every command does and no more.
SCRIPT = """
import json, os, sys, tempfile
from visae import cli

def run(arguments):
    code = 0
    try:
        cli.main(arguments)
    except SystemExit as stop:
        code = stop.code or 0
    return code, [name for name in SLOW if name in sys.modules]

for line in sys.stdin.read().splitlines():
    with tempfile.TemporaryFile("w+") as errors, tempfile.TemporaryFile("w+") as result:
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(errors.fileno(), 2)
            json.dump(run(line.split()), result)
            result.flush()
            sys.stderr.flush()
            os._exit(0)
        os.waitpid(child, 0)
        result.seek(0)
        errors.seek(0)
        print(json.dumps([*json.load(result), errors.read().splitlines()]))
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
    "capture --network inceptionv1 --layer mixed3a --images leaves:4 --out out --weights nowhere",
    "render inceptionv1-caffe:mixed3a --out out --weights nowhere",
    "verify inceptionv1 --weights nowhere",
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


@pytest.fixture(scope="module")
def ran():
    """The exit code of each command, the slow modules that it imported, and its lines on the standard error."""
    commands = [*HELP, *ERRORS]
    script = SCRIPT.replace("SLOW", repr(SLOW))
    process = subprocess.run(
        [sys.executable, "-c", script], input="\n".join(commands) + "\n", capture_output=True, text=True, check=True
    )
    return dict(zip(commands, map(json.loads, process.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("command", HELP)
def test_help_imports_nothing_slow(ran, command):
    code, slow, _ = ran[command]
    assert (code, slow) == (0, [])


@pytest.mark.parametrize("command", ERRORS)
def test_errors_before_work_import_nothing_slow(ran, command):
    code, slow, lines = ran[command]
    assert (code, slow) == (2, [])
    # Without a command there is the list of them, on the standard output.
    assert len(lines) == bool(command)


def test_a_sweep_is_checked_before_torch_is_imported(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    sweep = tmp_path / "sweep.toml"
    sweep.write_text('[[sae]]\nkind = "tokp"\n')
    arguments = ["train", "--rows", str(tmp_path), "--sweep", str(sweep), "--out", "out"]
    code, slow, error = run_alone(arguments)
    assert (code, slow) == (2, [])
    assert "'tokp'; the nearest are topk" in error
    assert error.count("\n") == 1


def test_weights_of_a_dictionarys_network_are_looked_for_before_torch_is_imported(tmp_path):
    header = {"visae": json.dumps({"about": {"network": "inceptionv1"}})}
    content = json.dumps({"__metadata__": header}).encode()
    (tmp_path / "sae.safetensors").write_bytes(len(content).to_bytes(8, "little") + content)
    arguments = ["curves", "--dictionary", str(tmp_path), "--weights", "nowhere", "--out", "out"]
    code, slow, error = run_alone(arguments)
    assert (code, slow) == (2, [])
    assert "nowhere" in error


def run_alone(arguments):
    """The exit code of a command in a process of its own, the slow modules that it imported, and its standard error."""
    script = f"""
import json, sys
from visae import cli
try:
    cli.main({arguments!r})
except SystemExit as stop:
    print(json.dumps([stop.code, [name for name in {SLOW!r} if name in sys.modules]]))
"""
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return *json.loads(process.stdout), process.stderr


def test_importing_visae_imports_nothing_slow():
    script = f"import sys, visae; print([name for name in {SLOW!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
