"""Whatever ends a training, or the training of one member, before its time."""

import torch

from visae._support import files
from visae.training._group import Group


class Stop(Exception):  # noqa: N818 - it stands for whatever ends a training: a kill, a crash, Ctrl-C
    pass


def stop_at(patch, moment):
    """The step of a group with this number, counted from now, is not made."""
    step, left = Group.step, [moment]

    def stopping(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise Stop
        return step(*arguments)

    patch.setattr(Group, "step", stopping)


def stop_at_write(patch, moment):
    """The write with this number, counted from now, is torn."""
    write, left = files.write_bytes, [moment]

    def half(path, data):
        left[0] -= 1
        if left[0] >= 0:
            return write(path, data)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(f".{path.name}.77.tmp").write_bytes(data[: len(data) // 2])
        raise Stop

    patch.setattr(files, "write_bytes", half)


def poison(patch, name, moment, where="a parameter"):
    """From this step of the run on, however often it is stopped, the member of this name has a NaN, here or there."""
    step = Group.step

    def poisoned(group, *arguments):
        done = max((int(state["step"]) for state in group.optimiser.state.values()), default=0)
        terms = step(group, *arguments)
        if name in group.members and done >= moment:
            spoilt = group.whole.decoder if where == "a parameter" else terms["error"]
            with torch.no_grad():
                spoilt[list(group.members).index(name)] = torch.nan
        return terms

    patch.setattr(Group, "step", poisoned)
