"""Interruptions of a training run, divergence of one of its members, and checkpoints often enough to test both."""

import torch

from visae._support import files
from visae.training import _trainer as trainer
from visae.training._group import Group


class Interrupted(Exception):  # noqa: N818 - it stands for whatever ends a run: a kill, a crash, Ctrl-C
    pass


def checkpoint_often(patch):
    """Write checkpoints and refresh every 5 steps, and write lines of the log every 3; do not wait for the disk."""
    patch.setattr(trainer, "_STEPS_PER_CHECKPOINT", 5)
    patch.setattr(trainer, "_STEPS_PER_REFRESH", 5)
    patch.setattr(trainer, "_STEPS_PER_LINE", 3)
    patch.setattr("os.fsync", lambda _: None)


def interrupt_at_step(patch, count):
    """Let groups take this many steps, counted over all groups, and interrupt the next."""
    step, left = Group.step, [count]

    def limited(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise Interrupted
        return step(*arguments)

    patch.setattr(Group, "step", limited)


def interrupt_at_write(patch, count):
    """Let this many files be written, and interrupt the next in the middle of its temporary file."""
    write, left = files.write_bytes, [count]

    def limited(path, data):
        left[0] -= 1
        if left[0] >= 0:
            return write(path, data)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(f".{path.name}.77.tmp").write_bytes(data[: len(data) // 2])
        raise Interrupted

    patch.setattr(files, "write_bytes", limited)


def make_nan(patch, name, first_step, target="a parameter"):
    """From a step of the run on, make a parameter or the loss of a member NaN; resuming does not restart the count."""
    step = Group.step

    def poisoned(group, *arguments):
        done = max((int(state["step"]) for state in group.optimiser.state.values()), default=0)
        terms = step(group, *arguments)
        if name in group.members and done >= first_step:
            tensor = group.whole.decoder if target == "a parameter" else terms["error"]
            with torch.no_grad():
                tensor[list(group.members).index(name)] = torch.nan
        return terms

    patch.setattr(Group, "step", poisoned)
