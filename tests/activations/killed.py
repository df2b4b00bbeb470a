"""Capture into a folder, killed repeatedly at given delays (s) after a new shard; then capture to the end."""

import os
import signal
import sys
import time
from pathlib import Path

import torch
from captures import Pictures, tower

from visae.activations import Positions, _capture, capture_layers


def capture(folder):
    images = Pictures(60, bad={5, 31}, before=lambda _: time.sleep(0.01))
    layers = {name: folder / name for name in ("early", "late")}
    capture_layers(tower(), layers, images, Positions("uniform", 6), 4)


def shards(folder):
    return len(list(folder.glob("*/shard-*")))


def capture_and_kill(seconds, folder):
    before, child = shards(folder), os.fork()
    if not child:
        capture(folder)
        os._exit(0)
    give_up = time.monotonic() + 20
    while shards(folder) == before and time.monotonic() < give_up:
        time.sleep(0.0005)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


if __name__ == "__main__":
    torch.set_num_threads(1)
    _capture._ROWS_PER_SHARD = 50
    out = Path(sys.argv[1])
    ends = [capture_and_kill(float(delay), out) for delay in sys.argv[2:]]
    print(ends.count(signal.SIGKILL), "killed, with", shards(out), "shards")
    capture(out)
