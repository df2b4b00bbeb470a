"""The command line: `visae [--import SCRIPT] COMMAND ...`, one subcommand per verb.

The first word chooses the command, and only that command's module is imported; none imports torch before it runs. tyro
parses its options. Errors that the user can fix print one line that begins with `visae:`, with exit code 2.
"""

import contextlib
import importlib
import importlib.util
import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import tyro

from visae._support.errors import VisaeError, nearest, unknown
from visae._support.locks import only_writer
from visae._support.paths import require_folder
from visae._version import VERSION

# Each command's class, in the order in which help lists them.
COMMANDS = {
    "demo": "visae.commands.demo:DemoCommand",
    "run": "visae.commands.run:RunCommand",
    "networks": "visae.commands.networks:NetworksCommand",
    "fetch": "visae.commands.fetch:FetchCommand",
    "capture": "visae.commands.capture:CaptureCommand",
    "train": "visae.commands.train:TrainCommand",
    "refine": "visae.commands.refine:RefineCommand",
    "distil": "visae.commands.distil:DistilCommand",
    "evaluate": "visae.commands.evaluate:EvaluateCommand",
    "curves": "visae.commands.curves:CurvesCommand",
    "decompose": "visae.commands.decompose:DecomposeCommand",
    "render": "visae.commands.render:RenderCommand",
    "examples": "visae.commands.examples:ExamplesCommand",
    "atlas": "visae.commands.atlas:AtlasCommand",
    "reproduce": "visae.commands.reproduce:PAPERS",
    "stimuli": "visae.commands.stimuli:StimuliCommand",
    "verify": "visae.commands.verify:VerifyCommand",
}
_KINDS = {"INT": "a whole number", "FLOAT": "a number", "STR": "a word", "PATH": "a path"}
_RULE = re.compile(r"-{5,}|")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; errors that the user can fix print one line, with exit code 2."""
    try:
        _run("visae", COMMANDS, _import_scripts(list(sys.argv[1:] if arguments is None else arguments)))
    except VisaeError as error:
        print(f"visae: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # The reader of the output, `head` for instance, has closed it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("visae: stopped; the same command resumes from what was complete", file=sys.stderr)
        sys.exit(130)


def _import_scripts(arguments: list[str]) -> list[str]:
    """Import the scripts that come before the command, each after `--import`; return the remaining arguments."""
    while arguments[:1] == ["--import"]:
        if len(arguments) < 2:
            raise VisaeError("--import needs a Python script, for instance one that registers a kind of SAE")
        path = Path(arguments[1])
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise VisaeError(f"--import is {path}; give a Python script that exists")
        module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except VisaeError:
            raise
        except Exception as error:
            raise VisaeError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
        arguments = arguments[2:]
    return arguments


def _run(program: str, commands: Mapping[str, str], arguments: list[str]) -> None:
    """Run the command named by the first argument, of `visae` or of a command with subcommands."""
    name = arguments[0] if arguments else ""
    if name in ("-h", "--help", ""):
        print(_overview(program, commands))
        sys.exit(0 if name else 2)
    if name == "--version" and program == "visae":
        print(f"visae {VERSION}")
        return
    if name not in commands:
        raise unknown(f"command of {program}", name, commands)
    command = _load(commands[name])
    if isinstance(command, Mapping):
        _run(f"{program} {name}", command, arguments[1:])
        return
    parsed = _parse(f"{program} {name}", command, arguments[1:])
    out = getattr(parsed, "out", None)
    require_folder("--out", out)
    if hasattr(parsed, "check"):
        parsed.check()
    with contextlib.nullcontext() if out is None else only_writer(out):
        parsed.run()


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def _overview(program: str, commands: Mapping[str, str]) -> str:
    """The commands, each with the first sentence of its help."""
    import visae

    about = visae.__doc__ if program == "visae" else importlib.import_module("visae.commands.reproduce").__doc__
    lines = [f"usage: {program} COMMAND ...", "", (about or "").strip(), ""]
    width = max(map(len, commands)) + 2
    for name, target in commands.items():
        command = _load(target)
        module = sys.modules[target.partition(":")[0]]
        text = module.__doc__ if isinstance(command, Mapping) else command.__doc__
        lines.append(f"  {name:<{width}}{(text or '').strip().splitlines()[0]}")
    if program == "visae":
        lines += ["", "visae --import SCRIPT COMMAND ... knows the kinds of SAE that a Python script registers."]
    return "\n".join([*lines, "", f"{program} COMMAND --help explains every option."])


def _parse(program: str, command: type, arguments: list[str]) -> Any:
    """The command with its options, or its help if requested."""
    if "-h" in arguments or "--help" in arguments:
        tyro.cli(command, prog=program, args=["--help"])
    _refuse_unknown_options(program, command, arguments)
    # tyro explains errors in a box of several lines.
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            parsed: Any
            parsed, surplus = tyro.cli(command, prog=program, args=arguments, return_unknown_args=True)
    except SystemExit:
        raise VisaeError(f"{_one_line(program, said.getvalue())} ({program} --help)") from None
    if surplus:
        raise VisaeError(f"{_verb(program)} takes no argument {surplus[0]!r} ({program} --help)")
    return parsed


def _refuse_unknown_options(program: str, command: Any, arguments: Sequence[str]) -> None:
    options = [name for field in fields(command) for name in _option_names(field.name, field.default)]
    renamed: Mapping[str, str] = getattr(command, "RENAMED", {})
    for argument in arguments:
        option = argument.split("=")[0].replace("_", "-")
        if option in renamed:
            raise VisaeError(f"{_verb(program)} no longer has the option {option}; write {renamed[option]}")
        if option.startswith("--") and option not in options:
            raise VisaeError(f"{_verb(program)} has no option {option}{nearest(option, options)} ({program} --help)")


def _option_names(field: str, default: Any) -> list[str]:
    name = field.replace("_", "-")
    return [f"--{name}", f"--no-{name}"] if default is not MISSING and isinstance(default, bool) else [f"--{name}"]


def _one_line(program: str, box: str) -> str:
    """tyro's boxed message as one line; if the terminal's encoding has no box characters, it is ruled with hyphens."""
    lines = [line.strip("│╭╮╰╯─ ") for line in box.splitlines()[1:]]
    parts = [[line for line in part if line] for part in _split(lines, _RULE.fullmatch)]
    first, *others = filter(None, parts)
    said, explained = " ".join(first), [line for part in others for line in part]
    if said.startswith("Missing from"):
        missing = [line for line in first if re.fullmatch(r"(--[\w-]+( \S+)?|[A-Z]+)", line)]
        return f"{_verb(program)} needs {' and '.join(missing)}"
    if value := re.match(r"Missing value for argument '(\S+)'", said):
        return f"{value[1]} needs a value"
    if value := re.search(r"invalid choice '(.*?)' for argument '(.*?)'\. Expected one of \((.*?)\)", said):
        choices = [choice.strip(" '") for choice in value[3].split(",")]
        return f"{value[2]} is {value[1]!r}; it must be one of {', '.join(filter(None, choices))}"
    if value := re.search(r"Error parsing (\S+?):.*?'([^']*)'", said.replace("'None'", "")):
        kind = next((line.split()[1] for line in explained if re.match(rf"{re.escape(value[1])} \S", line)), "")
        words = " or ".join(_KINDS.get(name, name) for name in kind.split("|"))
        return f"{value[1]} is {value[2]!r}; it must be {words or 'another value'}"
    return said


def _split(lines: Sequence[str], is_rule: Callable[[str], Any]) -> Iterator[list[str]]:
    """The groups of lines between rules."""
    part: list[str] = []
    for line in lines:
        if is_rule(line):
            yield part
            part = []
        else:
            part.append(line)
    yield part


def _verb(program: str) -> str:
    """A command without the prefix `visae`, with which every message begins anyway."""
    return program.removeprefix("visae ")
