"""Trains SAEs of each kind, killed again and again so many seconds after a new checkpoint; then trains to the end.

The same is trained in one go by the same process: what is equal to the bit on one machine need not be on another.
"""

import os
import signal
import sys
import time
from pathlib import Path

import torch
from stores import planted

from visae.activations import Rows
from visae.sae import ReLU, TopK
from visae.training import Training, checkpoint, loop

RECIPES = [TopK(width=32, k=2, dead_after=500), ReLU(width=32)]


def train(folder, recipe):
    loop.train(Rows(folder.parents[1] / "rows"), recipe, folder, Training(epochs=10, batch=64, lr=3e-3), "cpu")


def state(folder):
    path = folder / checkpoint.FILE
    return path.stat().st_mtime_ns if path.exists() else 0


def killed_after(seconds, folder, recipe):
    before, child = state(folder), os.fork()
    if not child:
        train(folder, recipe)
        os._exit(0)
    give_up = time.monotonic() + 20
    while state(folder) == before and time.monotonic() < give_up:
        time.sleep(0.0005)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


if __name__ == "__main__":
    torch.set_num_threads(1)
    loop._STEPS_A_CHECKPOINT, loop._STEPS_A_LINE = 50, 7
    place = Path(sys.argv[1])
    planted(place / "rows", 2000)
    for recipe in RECIPES:
        folder = place / recipe.kind
        ends = [killed_after(float(moment), folder / "killed", recipe) for moment in sys.argv[2:]]
        print(ends.count(signal.SIGKILL), "killed")
        train(folder / "killed", recipe)
        train(folder / "whole", recipe)
