"""The command line: one subcommand a verb."""

import os
import sys
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
    | Annotated[commands.Examples, tyro.conf.subcommand("examples")]
    | Annotated[commands.Reproduce, tyro.conf.subcommand("reproduce")]
    | Annotated[commands.Stimuli, tyro.conf.subcommand("stimuli")]
    | Annotated[commands.Verify, tyro.conf.subcommand("verify")]
)


def main(arguments: list[str] | None = None) -> None:
    """Run one command; errors that the user can mend are one line, and exit code 2."""
    try:
        tyro.cli(Command, prog="visae", description=visae.__doc__, args=arguments).run()
    except VisaeError as error:
        sys.exit(_fail(str(error)))
    except BrokenPipeError:
        # Whoever read the output, `head` for instance, has had enough of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("visae: stopped; the same command goes on from the last whole part", file=sys.stderr)
        sys.exit(130)


def _fail(message: str) -> int:
    print(f"visae: {' '.join(message.split())}", file=sys.stderr)
    return 2
