"""Distillation: what a fast encoder loses against the pursuit that it learned from."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from visae.metrics._fidelity import fidelity
from visae.sae import SAE


@dataclass(frozen=True)
class Distillation:
    """A student beside its teacher, over the same rows.

    explained_variance, teacher_explained_variance:  see `Fidelity`.
    loss:           the teacher's explained variance minus the student's: what the fast encoder costs; below 0 if it
                    explains more, as it can where its L0 is higher.
    l0, teacher_l0: features that fire at a position, on average.
    agreement:      F1 of the student's firing features as a guess at the teacher's, over all rows: 2 both / (student +
                    teacher), from 0 to 1 for the same features everywhere.
    rows_per_second, teacher_rows_per_second:  encoded, on the device and the threads at hand.
    """

    explained_variance: float
    teacher_explained_variance: float
    loss: float
    l0: float
    teacher_l0: float
    agreement: float
    rows_per_second: float
    teacher_rows_per_second: float


@torch.inference_mode()
def distillation(student: SAE, teacher: SAE, batches: Iterable[Float[Tensor, "_ d"]]) -> Distillation:
    """Compare a student with its teacher, whose features are the same ones, over batches of rows."""
    rows = list(batches)
    own, its = fidelity(student, rows), fidelity(teacher, rows)
    both = fired = 0
    for x in rows:
        fires, should = student.encode(x) != 0, teacher.encode(x) != 0
        both += int((fires & should).sum())
        fired += int(fires.sum()) + int(should.sum())
    return Distillation(
        explained_variance=own.explained_variance,
        teacher_explained_variance=its.explained_variance,
        loss=its.explained_variance - own.explained_variance,
        l0=own.l0,
        teacher_l0=its.l0,
        agreement=2 * both / max(fired, 1),
        rows_per_second=_rows_per_second(student, rows[0]),
        teacher_rows_per_second=_rows_per_second(teacher, rows[0]),
    )


def _rows_per_second(sae: SAE, x: Float[Tensor, "n d"]) -> float:
    """Time the faster of two encodings of a batch, after those that warmed up."""
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        # Waits for a GPU.
        sae.encode(x).sum().item()
        seconds.append(time.perf_counter() - start)
    return len(x) / min(seconds)
