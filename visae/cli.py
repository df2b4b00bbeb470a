"""The command line: one subcommand a verb."""

import os
import sys
from pathlib import Path
from typing import Annotated

import tyro

import visae
from visae import commands
from visae.errors import VisaeError

Command = (
    Annotated[commands.Demo, tyro.conf.subcommand("demo")]
    | Annotated[commands.Run, tyro.conf.subcommand("run")]
    | Annotated[commands.Networks, tyro.conf.subcommand("networks")]
    | Annotated[commands.Fetch, tyro.conf.subcommand("fetch")]
    | Annotated[commands.Capture, tyro.conf.subcommand("capture")]
    | Annotated[commands.Train, tyro.conf.subcommand("train")]
    | Annotated[commands.Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[commands.Curves, tyro.conf.subcommand("curves")]
    | Annotated[commands.Decompose, tyro.conf.subcommand("decompose")]
    | Annotated[commands.Render, tyro.conf.subcommand("render")]
    | Annotated[commands.Examples, tyro.conf.subcommand("examples")]
    | Annotated[commands.Atlas, tyro.conf.subcommand("atlas")]
    | Annotated[commands.Reproduce, tyro.conf.subcommand("reproduce")]
    | Annotated[commands.Stimuli, tyro.conf.subcommand("stimuli")]
    | Annotated[commands.Verify, tyro.conf.subcommand("verify")]
)


def main(arguments: list[str] | None = None) -> None:
    """Run one command; errors that the user can mend are one line, and exit code 2."""
    try:
        command = tyro.cli(Command, prog="visae", description=visae.__doc__, args=arguments)
        _refuse_file(getattr(command, "out", None))
        command.run()
    except VisaeError as error:
        sys.exit(_fail(str(error)))
    except BrokenPipeError:
        # Whoever read the output, `head` for instance, has had enough of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("visae: stopped; the same command goes on from what was whole by then", file=sys.stderr)
        sys.exit(130)


def _refuse_file(out: Path | None) -> None:
    """Before any work is done: what is written goes into a folder."""
    for place in () if out is None else (out, *out.parents):
        if place.is_file():
            raise VisaeError(f"--out is {out}, but {place} is a file; name a folder, which need not be there yet")


def _fail(message: str) -> int:
    print(f"visae: {' '.join(message.split())}", file=sys.stderr)
    return 2
