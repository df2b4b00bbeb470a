"""Running visae's commands in tests."""

import pytest

from visae import cli


def fails(capsys, *arguments):
    """Run a command that must exit with 2, and return the one line that it prints last."""
    with pytest.raises(SystemExit) as stop:
        cli.main(list(arguments))
    assert stop.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    errors = [line for line in lines if line.startswith("visae: ")]
    assert len(errors) == 1
    assert lines[-1] == errors[0]
    return errors[0]
