"""The command line: one subcommand a verb."""

import os
import sys
from pathlib import Path
from typing import Annotated

import tyro

import visae
from visae._support.errors import VisaeError
from visae.commands.atlas import Atlas
from visae.commands.capture import Capture
from visae.commands.curves import Curves
from visae.commands.decompose import Decompose
from visae.commands.demo import Demo
from visae.commands.evaluate import Evaluate
from visae.commands.examples import Examples
from visae.commands.fetch import Fetch
from visae.commands.networks import Networks
from visae.commands.render import Render
from visae.commands.reproduce import Reproduce
from visae.commands.run import Run
from visae.commands.stimuli import Stimuli
from visae.commands.train import Train
from visae.commands.verify import Verify

Command = (
    Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Run, tyro.conf.subcommand("run")]
    | Annotated[Networks, tyro.conf.subcommand("networks")]
    | Annotated[Fetch, tyro.conf.subcommand("fetch")]
    | Annotated[Capture, tyro.conf.subcommand("capture")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Curves, tyro.conf.subcommand("curves")]
    | Annotated[Decompose, tyro.conf.subcommand("decompose")]
    | Annotated[Render, tyro.conf.subcommand("render")]
    | Annotated[Examples, tyro.conf.subcommand("examples")]
    | Annotated[Atlas, tyro.conf.subcommand("atlas")]
    | Annotated[Reproduce, tyro.conf.subcommand("reproduce")]
    | Annotated[Stimuli, tyro.conf.subcommand("stimuli")]
    | Annotated[Verify, tyro.conf.subcommand("verify")]
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
