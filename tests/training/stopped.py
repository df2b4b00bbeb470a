"""Trains an SAE, and a sweep, killed again and again so many seconds after a checkpoint; then to the end.

The same is trained in one go by the same process: what is equal to the bit on one machine need not be on another.
"""

import os
import signal
import sys
import time
from pathlib import Path

import torch
from stores import SWEEP, planted

from visae.activations import Rows
from visae.sae import TopK
from visae.training import TrainingConfig
from visae.training import _checkpoint as checkpoint
from visae.training import _train as loop
from visae.training import _trainer as trainer

LONG = TrainingConfig(epochs=2, batch=64, lr=3e-3)
RUNS = {
    "one": lambda *where: loop.train(where[0], TopK(width=32, k=2, dead_after=500), *where[1:]),
    "sweep": lambda *where: loop.train_many(where[0], SWEEP, *where[1:]),
}


def train(folder):
    RUNS[folder.parent.name](Rows(folder.parents[1] / "rows"), folder, LONG, "cpu")


def state(folder):
    path = folder / checkpoint.FILE
    return path.stat().st_mtime_ns if path.exists() else 0


def killed_after(seconds, folder):
    before, child = state(folder), os.fork()
    if not child:
        train(folder)
        os._exit(0)
    give_up = time.monotonic() + 20
    while state(folder) == before and time.monotonic() < give_up:
        time.sleep(0.0005)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


if __name__ == "__main__":
    torch.set_num_threads(1)
    trainer._STEPS_PER_CHECKPOINT, trainer._STEPS_PER_LINE = 20, 7
    place = Path(sys.argv[1])
    planted(place / "rows", 2000)
    for name in RUNS:
        folder = place / name
        ends = [killed_after(float(moment), folder / "killed") for moment in sys.argv[2:]]
        print(ends.count(signal.SIGKILL), "killed")
        train(folder / "killed")
        train(folder / "whole")
