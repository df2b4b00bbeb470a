"""The trainer: one pass over the rows that trains any number of SAEs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visae._support.progress import Progress, say
from visae.sae import SAE
from visae.training import _checkpoint as checkpoint
from visae.training._batches import Batches
from visae.training._checkpoint import Checkpoint, Log
from visae.training._group import Group, Terms, grouped, without_prefix
from visae.training._prefetch import prefetch

_STEPS_PER_LINE = 100
_STEPS_PER_CHECKPOINT = 1000
_STEPS_PER_REFRESH = 10
_REVIVE_AFTER = 5_000  # rows without firing after which a feature is revived
_SILENT_AFTER = 50_000  # rows without firing after which the log counts a feature as silent


class Trainer:
    """Trains members by name, each with its folder; `stopped` says why those that diverged were stopped."""

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
        restored = checkpoint.restore(root, settings)
        state = restored or Checkpoint()
        self.step, self.stopped = state.step, state.stopped
        self._last_good = {key: tensor for key, tensor in state.tensors.items() if _member(key) in self.stopped}
        for name in self.stopped:
            members[name].load_state_dict(without_prefix(self._last_good, f"{name}/sae."))
        running = {name: sae for name, sae in members.items() if name not in self.stopped}
        self.groups = grouped(running, self.training.batch, self.training.lr)
        for group in self.groups if restored else ():
            group.load(state.tensors)
        self.logs = {name: Log(folders[name], self.step) for name in running}
        if not restored:
            self._save()

    def run(self) -> None:
        """Train to the end; does nothing if all members are baselines, which are already fitted."""
        if not self.groups:
            return
        steps, every = self.batches.steps, self._steps_per_checkpoint()
        device = next(iter(self.members.values())).centre.device
        rows = prefetch(self.batches.rows, self.batches.from_step(self.step), device)
        with Progress("train", steps, "steps", self.step) as progress:
            for step, x in enumerate(rows, self.step):
                if step % _STEPS_PER_REFRESH == 0:
                    self._refresh(step)
                rate, warmup = self.training.learning_rate(step, steps), self.training.warmup_factor(step, steps)
                terms = [group.step(x, rate, warmup) for group in self.groups]
                self.step = step + 1
                is_last = self.step == steps
                is_line, is_checkpoint = step % _STEPS_PER_LINE == 0, self.step % every == 0 or is_last
                if is_line or is_checkpoint:
                    terms = self._stop_diverged(terms, step)
                if is_line or is_last:
                    self._log(terms, step)
                if is_checkpoint:
                    self._save()
                progress.update(1)
                if not self.groups:
                    break
        for group in self.groups:
            group.finish()

    def _steps_per_checkpoint(self) -> int:
        """Return the steps between checkpoints: at most twenty per run, each at a refresh, to be resumable."""
        return max(_STEPS_PER_CHECKPOINT, self.batches.steps // 20 // _STEPS_PER_REFRESH * _STEPS_PER_REFRESH)

    def _refresh(self, step: int) -> None:
        by = self.training.revive * self.training.learning_rate(step, self.batches.steps) * _STEPS_PER_REFRESH
        for group in self.groups:
            group.whole.revive(_REVIVE_AFTER, by)
            group.whole.refresh()

    def _stop_diverged(self, all_terms: list[Terms], step: int) -> list[Terms]:
        """Continue without the members that diverged, whose state reverts to the last checkpoint.

        Return the terms of the remaining members.
        """
        left = []
        for group, terms in zip(self.groups, all_terms, strict=True):
            diverged = group.diverged(terms)
            for name in diverged:
                self._stop(name, group, terms, step)
            if diverged:
                kept = [index for index, name in enumerate(group.members) if name not in diverged]
                group.drop(diverged)
                terms = {name: term[kept] for name, term in terms.items()}
            if group.members:
                left.append(terms)
        self.groups = [group for group in self.groups if group.members]
        return left

    def _stop(self, name: str, group: Group, terms: Terms, step: int) -> None:
        index = list(group.members).index(name)
        values = ", ".join(f"{term} {values[index].item():g}" for term, values in terms.items())
        good = checkpoint.restore(self.root, self.settings)
        assert good is not None
        self._last_good |= {key: tensor for key, tensor in good.tensors.items() if _member(key) == name}
        self.members[name].load_state_dict(without_prefix(self._last_good, f"{name}/sae."))
        self.stopped[name] = f"diverged at step {step} ({values}); keeping its state at step {good.step}"
        say(f"train: {name or 'the SAE'} {self.stopped[name]}")

    def _log(self, all_terms: list[Terms], step: int) -> None:
        for group, terms in zip(self.groups, all_terms, strict=True):
            values = {name: term.tolist() for name, term in terms.items()}
            silent = (group.whole.rows_since_fired > _SILENT_AFTER).sum(1).tolist()
            for index, name in enumerate(group.members):
                own = {term: by_member[index] for term, by_member in values.items()}
                self.logs[name].write(step=step, **own, silent=silent[index])

    def _save(self) -> None:
        tensors = {key: tensor for group in self.groups for key, tensor in group.state().items()}
        checkpoint.save(self.root, Checkpoint(self.step, tensors | self._last_good, self.stopped), self.settings)


def _member(key: str) -> str:
    """Return the member that a tensor of a checkpoint belongs to."""
    return key.rsplit("/", 1)[0]
