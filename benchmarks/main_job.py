"""The main job, timed: the demo, and a run on a real InceptionV1 with photographs.

    OMP_NUM_THREADS=2 python benchmarks/main_job.py demo
    OMP_NUM_THREADS=2 python benchmarks/main_job.py real --weights FOLDER --images FOLDER      # --device cuda for a GPU

Each runs the command line in a process of its own, as a user would, and prints one row of a table: the numbers of the
report, the seconds of each step and of the whole, and the largest resident memory.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import machine

STEPS = ("capture", "train", "nulls", "evaluate", "curves")


def command(options: argparse.Namespace, out: Path) -> list[str]:
    """Return the arguments of visae for a job."""
    if options.job == "demo":
        return ["demo", "--out", str(out), "--seed", str(options.seed)]
    network = ["--network", "inceptionv1-caffe", "--layer", "mixed3b_5x5", "--weights", str(options.weights)]
    sae = ["--positions", "64", "--sae", "mod", "--k", "3", "--width", "768", "--seed", str(options.seed)]
    return ["run", *network, "--images", str(options.images), *sae, "--device", options.device, "--out", str(out)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=["demo", "real"])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder in which to keep the run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = options.keep or Path(scratch) / "run"
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "visae", *command(options, out)], check=True, stdout=subprocess.DEVNULL)
        total = time.perf_counter() - started
        report = json.loads((out / "report.json").read_text())
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
    print(f"{machine(options.device)}; {options.job}, seed {options.seed}\n")
    sae, seconds, curves, truth = (report.get(key, {}) for key in ("sae", "seconds", "curves", "recovery"))
    cells = [
        f"{report['images_read']:,}",
        f"{report['rows']:,}",
        f"{sae['explained_variance']:.4f}",
        f"{sae['dead_fraction']:.1%}",
        f"{truth['matched_fraction']:.1%}" if truth else "",
        f"{truth['neurons_matched_fraction']:.1%}" if truth else "",
        *(f"{curves[kind]['count']} (gap {curves[kind]['max_gap_deg']:.0f})" for kind in ("neurons", "features")),
        *(f"{seconds[step]:.0f}" for step in STEPS),
        f"{total:.0f}",
        f"{memory:.2f}",
    ]
    headings = "images,rows,explained variance,dead,matched,by neurons,curve neurons,curve features"
    headings += f",{','.join(f'{step} s' for step in STEPS)},whole s,GB"
    print(f"| {' | '.join(headings.split(','))} |")
    print(f"|{' --- |' * len(cells)}")
    print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
