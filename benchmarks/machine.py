"""The description of the machine on which a table was made."""

import os
import platform
from pathlib import Path

import torch


def machine(device: torch.device | str = "cpu") -> str:
    """Return the processor or the GPU, the threads, and the versions of torch and Python."""
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    if torch.device(device).type == "cuda":
        return f"{torch.cuda.get_device_name()}, {versions}"
    return f"{_processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, {versions}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
