"""The trainer: one pass over the rows that trains any number of SAEs."""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from visae._support.progress import Progress, say
from visae.sae import SAE
from visae.training import _checkpoint as checkpoint
from visae.training._batches import Batches
from visae.training._checkpoint import Checkpoint, Log
from visae.training._convergence import has_stopped_falling, losses, measurement
from visae.training._group import Group, Terms, grouped, without_prefix
from visae.training._interruption import Interruption
from visae.training._learner import learners
from visae.training._prefetch import prefetch

_STEPS_PER_LINE = 100
_STEPS_PER_CHECKPOINT = 1000
_SECONDS_PER_CHECKPOINT = 30.0
# Measurements on held-out rows in a run, and steps between two of them, at least and at most.
_MEASUREMENTS = 40
_STEPS_PER_MEASUREMENT = (10, 100)
_STEPS_PER_REFRESH = 10
_REVIVE_AFTER = 5_000  # rows without firing after which a feature is revived
_SILENT_AFTER = 50_000  # rows without firing after which the log counts a feature as silent


class Trainer:
    """Trains members by name, each with its folder; `stopped` says why those that diverged were stopped.

    steps:     steps at which training ends: earlier than planned once the losses on held-out rows stop falling.
    held_out:  by member, its losses on held-out rows so far.
    """

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
        restored = checkpoint.restore(root, settings, batches.current_settings)
        state = restored or Checkpoint()
        self.step, self.stopped, self.held_out = state.step, state.stopped, state.held_out
        self.steps = batches.steps if state.steps is None else state.steps
        self._last_good = {key: tensor for key, tensor in state.tensors.items() if _member(key) in self.stopped}
        for name in self.stopped:
            members[name].load_state_dict(without_prefix(self._last_good, f"{name}/sae."))
        running = {name: sae for name, sae in members.items() if name not in self.stopped}
        self.groups = [*grouped(running, self.training.batch, self.training.lr), *learners(running)]
        for group in self.groups if restored else ():
            group.load(state.tensors)
        self.logs = {name: Log(folders[name], self.step) for name in running}
        self._saved_at = time.monotonic()
        if not restored:
            self._save()

    def run(self) -> None:
        """Train to the end; does nothing if all members are baselines, which are already fitted."""
        if not self.groups:
            return
        device = next(iter(self.members.values())).centre.device
        rows = prefetch(self.batches.rows, self.batches.from_step(self.step), device)
        self._held_out_rows = self.batches.held_out_sample().to(device)
        with Progress("train", self.steps, "steps", self.step) as progress, Interruption() as interruption:
            # A run may be over without a step: one that was interrupted after its last.
            while self.groups and self.step < self.steps:
                self._advance(next(rows), interruption)
                progress.update(1)
        for group in self.groups:
            group.finish()

    def progress_of(self, name: str) -> dict[str, Any]:
        """Return how far the training of a member came: for its file."""
        if name not in self.held_out:
            return {}
        batch, curve = self.training.batch, self.held_out[name]
        decay_at = math.ceil((1 - self.training.decay) * self.steps) * batch
        converged = has_stopped_falling(losses([point for point in curve if point["rows_seen"] <= decay_at]))
        progress = {"rows_seen": self.step * batch, "held_out": curve}
        return {"converged": converged and name not in self.stopped, **progress}

    def _advance(self, x: Float[Tensor, "n d"], interruption: Interruption) -> None:
        """Take one step, and write what is due after it."""
        step = self.step
        if step % _STEPS_PER_REFRESH == 0:
            self._refresh(step)
        schedule = self.training.schedule(step, self.steps)
        terms = [group.step(x, schedule) for group in self.groups]
        self.step = step + 1
        is_last = self.step == self.steps
        is_line, is_measurement = step % _STEPS_PER_LINE == 0, self.step % self._steps_per_measurement() == 0
        is_checkpoint = is_last or self._is_checkpoint() or interruption.received is not None
        if is_line or is_checkpoint or is_measurement:
            terms = self._stop_diverged(terms, step)
        if is_line or is_last:
            self._log(terms, step)
        if is_measurement or is_last:
            self._measure()
        if is_checkpoint:
            self._save()
        if interruption.received is not None:
            say(f"train: stopped after step {self.step:,}, with a checkpoint; the same command goes on from there")
            interruption.act()

    def _is_checkpoint(self) -> bool:
        is_due = time.monotonic() - self._saved_at > _SECONDS_PER_CHECKPOINT
        return is_due or self.step % self._steps_per_checkpoint() == 0

    def _measure(self) -> None:
        """Measure all members on held-out rows; if their losses have stopped falling, decay the rate and end."""
        rows_seen = self.step * self.training.batch
        for group in self.groups:
            terms = group.held_out_terms(self._held_out_rows)
            for index, name in enumerate(group.members):
                self.held_out.setdefault(name, []).append(measurement(terms, index, rows_seen))
        is_decaying = self.step > (1 - self.training.decay) * self.steps
        running = [name for group in self.groups for name in group.members]
        if not is_decaying and all(has_stopped_falling(losses(self.held_out[name])) for name in running):
            self.steps = math.ceil(self.step / (1 - self.training.decay))
            say(
                f"train: the loss on held-out rows has stopped falling after {rows_seen:,} rows; "
                f"ending at {self.steps * self.training.batch:,}, with the learning rate's decay"
            )

    def _steps_per_measurement(self) -> int:
        """Return the steps between measurements on held-out rows, by the length of the run as planned."""
        least, most = _STEPS_PER_MEASUREMENT
        return min(max(self.batches.steps // _MEASUREMENTS, least), most)

    def _steps_per_checkpoint(self) -> int:
        """Return the steps between checkpoints, beside those by time: at most twenty per run."""
        return max(_STEPS_PER_CHECKPOINT, self.batches.steps // 20)

    def _refresh(self, step: int) -> None:
        by = self.training.revive * self.training.learning_rate(step, self.steps) * _STEPS_PER_REFRESH
        for group in self.groups:
            group.refresh(_REVIVE_AFTER, by)

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
        good = checkpoint.restore(self.root, self.settings, self.batches.current_settings)
        assert good is not None
        self._last_good |= {key: tensor for key, tensor in good.tensors.items() if _member(key) == name}
        self.members[name].load_state_dict(without_prefix(self._last_good, f"{name}/sae."))
        self.stopped[name] = f"diverged at step {step} ({values}); keeping its state at step {good.step}"
        say(f"train: {name or 'the SAE'} {self.stopped[name]}")

    def _log(self, all_terms: list[Terms], step: int) -> None:
        for group, terms in zip(self.groups, all_terms, strict=True):
            values = {name: term.tolist() for name, term in terms.items()}
            silent = group.silent(_SILENT_AFTER)
            for index, name in enumerate(group.members):
                own = {term: by_member[index] for term, by_member in values.items()}
                self.logs[name].write(step=step, **own, silent=silent[index])

    def _save(self) -> None:
        tensors = {key: tensor for group in self.groups for key, tensor in group.state().items()}
        state = Checkpoint(self.step, tensors | self._last_good, self.stopped, self.steps, self.held_out)
        checkpoint.save(self.root, state, self.settings)
        self._saved_at = time.monotonic()


def _member(key: str) -> str:
    """Return the member that a tensor of a checkpoint belongs to."""
    return key.rsplit("/", 1)[0]
