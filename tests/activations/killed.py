"""Captures into a folder and is killed, again and again, after so many seconds; then captures to the end."""

import os
import signal
import sys
import time
from pathlib import Path

import torch
from captures import CAPTURE, Pictures, tower

from visae.activations import Positions, capture_layers


def capture(folder):
    images = Pictures(60, bad={5, 31}, before=lambda _: time.sleep(0.002))
    layers = {name: Path(folder) / name for name in ("early", "late")}
    capture_layers(tower(), layers, images, Positions("uniform", 6), 4)


def killed_after(seconds, folder):
    child = os.fork()
    if not child:
        capture(folder)
        os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


if __name__ == "__main__":
    torch.set_num_threads(1)
    CAPTURE._ROWS_A_SHARD = 50
    folder, *moments = sys.argv[1:]
    ends = [killed_after(float(moment), folder) for moment in moments]
    print(ends.count(signal.SIGKILL), "killed")
    capture(folder)
