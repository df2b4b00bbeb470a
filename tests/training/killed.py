"""Train an SAE, and a sweep: once in one go, and once killed again and again some seconds after a checkpoint.

Both in this process, since what is equal to the bit on one machine need not be on another.
"""

import importlib
import os
import signal
import sys
import time
from pathlib import Path

import torch
from stores import SWEEP, write_planted_store

from visae.activations import Rows
from visae.sae import TopK
from visae.training import TrainingConfig, train, train_many
from visae.training import _checkpoint as checkpoint
from visae.training import _trainer as trainer

# 56 steps on the 1,800 rows of 2,000 that are not held out, with checkpoints at 0, 10, 20, ...
TRAINING = TrainingConfig(rows_seen=3584, batch=64, lr=3e-3)
MEMBERS = {name: SWEEP[name] for name in ("topk-k1", "topk-k3", "relu-weak", "batchtopk", "pca")}
RUNS = {
    "single": lambda rows, out: train(rows, TopK(width=32, k=2, dead_after=500), out, TRAINING, "cpu"),
    "sweep": lambda rows, out: train_many(rows, MEMBERS, out, TRAINING, "cpu"),
}


def checkpoint_time(out):
    path = out / checkpoint.FILE
    return path.stat().st_mtime_ns if path.exists() else 0


def kill_after_checkpoint(run, rows, out, seconds):
    """Train in a child process, and kill it some seconds after its next checkpoint; return how it ended."""
    before, child = checkpoint_time(out), os.fork()
    if not child:
        run(rows, out)
        os._exit(0)
    deadline = time.monotonic() + 20
    while checkpoint_time(out) == before and time.monotonic() < deadline:
        time.sleep(0.0005)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def main(folder, delays):
    torch.set_num_threads(1)
    trainer._STEPS_PER_CHECKPOINT, trainer._STEPS_PER_LINE = 10, 7
    write_planted_store(folder / "rows", 2000)
    rows = Rows(folder / "rows")
    # What training imports is imported before there are children, without steps, whose threads forks do not survive.
    importlib.import_module("torch._dynamo")
    train_many(rows, {"pca": MEMBERS["pca"]}, folder / "baseline", TRAINING, "cpu")
    for name, run in RUNS.items():
        ends = [kill_after_checkpoint(run, rows, folder / name / "killed", delay) for delay in delays]
        print(ends.count(signal.SIGKILL), "killed")
    for name, run in RUNS.items():
        run(rows, folder / name / "killed")
        run(rows, folder / name / "whole")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [float(delay) for delay in sys.argv[2:]])
