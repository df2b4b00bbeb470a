"""One pass over the rows that trains any number of SAEs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visae._support.progress import Progress, say
from visae.sae import SAE
from visae.training import _checkpoint as checkpoint
from visae.training._batches import Batches
from visae.training._checkpoint import Checkpoint
from visae.training._group import Group, Terms, grouped, of_member
from visae.training._log import Log
from visae.training._prefetch import feed

_STEPS_A_LINE = 100
_STEPS_A_CHECKPOINT = 1000
_STEPS_A_REFRESH = 10
_SILENT_ROWS = 5_000  # rows without firing after which a feature is revive_rate
_IDLE_ROWS = 50_000  # rows without firing after which the log counts a feature as idle


class Pass:
    """The training of members by name, with their folders; `stopped` tells why those that diverged were."""

    def __init__(
        self,
        members: Mapping[str, SAE],
        folders: Mapping[str, Path],
        batches: Batches,
        root: Path,
        settings: Mapping[str, Any],
    ):
        self.members, self.batches, self.root, self.settings = members, batches, root, settings
        self.training = batches.training
        found = checkpoint.restore(root, settings)
        begun = found or Checkpoint()
        self.step, self.stopped = begun.step, begun.stopped
        self._good = {key: tensor for key, tensor in begun.tensors.items() if _owner(key) in self.stopped}
        for name in self.stopped:
            members[name].load_state_dict(of_member(self._good, f"{name}/sae."))
        going = {name: sae for name, sae in members.items() if name not in self.stopped}
        self.groups = grouped(going, self.training.batch, self.training.lr)
        for group in self.groups if found else ():
            group.load(begun.tensors)
        self.logs = {name: Log(folders[name], self.step) for name in going}
        if not found:
            self._save()

    def run(self) -> None:
        """Train to the end; nothing to do where all members were fitted at once."""
        if not self.groups:
            return
        last = self.batches.steps - 1
        every = self._steps_a_checkpoint()
        device = next(iter(self.members.values())).centre.device
        with Progress("train", self.batches.steps, "steps", self.step) as progress:
            for step, x in enumerate(feed(self.batches.rows, self.batches.from_step(self.step), device), self.step):
                if step % _STEPS_A_REFRESH == 0:
                    self._refresh(step)
                rate, warmth = self.training.rate(step, last + 1), self.training.warmth(step, last + 1)
                found = [group.step(x, rate, warmth) for group in self.groups]
                self.step = step + 1
                due = self.step % every == 0 or step == last
                if step % _STEPS_A_LINE == 0 or due:
                    self._stop_lost(found, step)
                if step % _STEPS_A_LINE == 0 or step == last:
                    self._write(found, step)
                if due:
                    self._save()
                progress.update(1)
                if not self.groups:
                    break
        for group in self.groups:
            group.settle()

    def _steps_a_checkpoint(self) -> int:
        """At most twenty checkpoints a run, whose steps can be short; each at a refresh, so that it can be taken up."""
        return max(_STEPS_A_CHECKPOINT, self.batches.steps // 20 // _STEPS_A_REFRESH * _STEPS_A_REFRESH)

    def _refresh(self, step: int) -> None:
        by = self.training.revive * self.training.rate(step, self.batches.steps) * _STEPS_A_REFRESH
        for group in self.groups:
            group.whole.revive(_SILENT_ROWS, by)
            group.whole.refresh()

    def _stop_lost(self, found: list[Terms], step: int) -> None:
        """Go on without the members that diverged, whose state is that of the last checkpoint."""
        for group, terms in zip(self.groups, found, strict=True):
            lost = group.lost(terms)
            for name in lost:
                self._stop(name, group, terms, step)
            if lost:
                kept = [index for index, name in enumerate(group.members) if name not in lost]
                group.drop(lost)
                terms.update({name: term[kept] for name, term in terms.items()})
        found[:] = [terms for group, terms in zip(self.groups, found, strict=True) if group.members]
        self.groups = [group for group in self.groups if group.members]

    def _stop(self, name: str, group: Group, terms: Terms, step: int) -> None:
        index = list(group.members).index(name)
        shown = ", ".join(f"{term} {values[index].item():g}" for term, values in terms.items())
        good = checkpoint.restore(self.root, self.settings)
        assert good is not None
        self._good |= {key: tensor for key, tensor in good.tensors.items() if _owner(key) == name}
        self.members[name].load_state_dict(of_member(self._good, f"{name}/sae."))
        self.stopped[name] = f"diverged at step {step} ({shown}); what is kept is its state at step {good.step}"
        say(f"train: {name or 'the SAE'} {self.stopped[name]}")

    def _write(self, found: list[Terms], step: int) -> None:
        for group, terms in zip(self.groups, found, strict=True):
            values = {name: term.tolist() for name, term in terms.items()}
            idle = (group.whole.rows_since_fired > _IDLE_ROWS).sum(1).tolist()
            for index, name in enumerate(group.members):
                of_one = {term: of_all[index] for term, of_all in values.items()}
                self.logs[name].write(step=step, **of_one, idle=idle[index])

    def _save(self) -> None:
        tensors = {key: tensor for group in self.groups for key, tensor in group.state().items()}
        checkpoint.save(self.root, Checkpoint(self.step, tensors | self._good, self.stopped), self.settings)


def _owner(key: str) -> str:
    """The member that a tensor of a checkpoint belongs to."""
    return key.rsplit("/", 1)[0]
