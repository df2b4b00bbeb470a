"""Training speed: rows per second of a whole step with Adam, side by side in one process.

    OMP_NUM_THREADS=2 python benchmarks/training.py steps            # against overcomplete, and the lower bound
    OMP_NUM_THREADS=2 python benchmarks/training.py stack            # eight ReLU SAEs in one pass against eight passes
    OMP_NUM_THREADS=2 python benchmarks/training.py sparse           # sparse codes against dense products
    python benchmarks/training.py steps --device cuda                # the same on a GPU, bf16

The lower bound of a step's time is that of its unavoidable parts, measured alone in the same rounds: for TopK the
encoder's product, the selection of k, and Adam; for ReLU five products and Adam. Every number is the median over rounds
in which all take turns, so that what disturbs the machine disturbs all.

overcomplete is not a requirement of visae: pip install overcomplete einops opencv-python-headless scikit-image. Its
version 0.3 uses a name that matplotlib 3.9 removed; it is restored here before the import.
"""

import argparse
import importlib
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib
import matplotlib.cm
import torch
from machine import machine

from visae.activations import Rows
from visae.activations._store import Shard, Store
from visae.sae import ReLU, TopK
from visae.sae import _topk as topk_module
from visae.training import SAESpec, TrainingConfig, train_many
from visae.training._config import Schedule
from visae.training._group import Group

Step = Callable[[], object]


def synthetic(rows: int, dim: int, device: str) -> torch.Tensor:
    """Draw rows like those of a layer after its ReLU: sparse, non-negative combinations of directions."""
    # Not the seed of any SAE below, which would start from the true directions.
    source = torch.Generator().manual_seed(1000)
    directions = torch.randn(4 * dim, dim, generator=source).relu()
    codes = torch.rand(rows, 4 * dim, generator=source).sub_(0.98).relu_() * 50
    return (codes @ directions).half().float().to(device)


def visae_step(config: TopK | ReLU, x: torch.Tensor, members: int = 1) -> Step:
    """Return a whole step of visae."""
    saes = {}
    for index in range(members):
        sae = config.build(x.shape[1], torch.Generator().manual_seed(index))
        sae.fit_scale(x.mean(0).double(), x.var(0).double())
        saes[str(index)] = sae.to(x.device)
    group = Group(saes, 1e-3)
    return lambda: group.step(x, Schedule(1e-3))


def overcomplete_step(kind: str, x: torch.Tensor, width: int, k: int) -> Step:
    """Return a whole step of overcomplete: mean squared error (and L1 for the ReLU SAE), backward, Adam."""
    if not hasattr(matplotlib.cm, "get_cmap"):
        matplotlib.cm.get_cmap = lambda name=None: matplotlib.colormaps[name or "viridis"]  # type: ignore[attr-defined]
    library = importlib.import_module("overcomplete.sae")
    dim = x.shape[1]
    model = library.TopKSAE(dim, width, top_k=k) if kind == "topk" else library.SAE(dim, width)
    model = model.to(x.device)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    z = (x - x.mean(0)) / x.std()

    def step() -> None:
        optimiser.zero_grad()
        _, codes, reconstruction = model(z)
        loss = (z - reconstruction).square().mean() + (0 if kind == "topk" else 1e-3 * codes.abs().mean())
        loss.backward()
        optimiser.step()

    return step


def parts(x: torch.Tensor, width: int, k: int) -> dict[str, Step]:
    """Return the parts of a step that cannot be avoided, each alone."""
    encoder = torch.randn(width, x.shape[1], device=x.device) / x.shape[1] ** 0.5
    pre = x @ encoder.T
    parameters = [torch.nn.Parameter(encoder.clone()) for _ in range(2)]
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    adam = torch.optim.Adam(parameters, fused=True)
    product, gradient = torch.empty_like(pre), torch.empty_like(encoder)
    return {
        "encode": lambda: torch.mm(x, encoder.T, out=product),
        "outer": lambda: torch.mm(pre.T, x, out=gradient),
        "topk": lambda: pre.topk(k, dim=1, sorted=False),
        "adam": adam.step,
    }


def seconds(steps: dict[str, Step], rounds: int, device: str) -> dict[str, float]:
    """Return the median seconds of each step over rounds in which they take turns."""
    for step in steps.values():
        step()
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            _wait(device)
            started = time.perf_counter()
            step()
            _wait(device)
            taken[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in taken.items()}


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def steps(options: argparse.Namespace) -> None:
    """Compare single steps with those of overcomplete, and with their lower bounds."""
    x = synthetic(options.batch, options.dim, options.device)
    whole = {
        "overcomplete TopK": overcomplete_step("topk", x, options.width, options.k),
        "visae TopK": visae_step(TopK(width=options.width, k=options.k), x),
        "overcomplete ReLU": overcomplete_step("relu", x, options.width, options.k),
        "visae ReLU": visae_step(ReLU(width=options.width), x),
    }
    alone = parts(x, options.width, options.k)
    taken = seconds(whole | alone, options.rounds, options.device)
    bound = {
        "visae TopK": taken["encode"] + taken["topk"] + taken["adam"],
        "visae ReLU": 3 * taken["encode"] + 2 * taken["outer"] + taken["adam"],
    }
    print("| what | rows/s | over overcomplete | of the bound |\n| --- | --- | --- | --- |")
    for name in whole:
        rate = options.batch / taken[name]
        ratio = taken[name.replace("visae", "overcomplete")] / taken[name]
        share = f"{bound[name] / taken[name]:.2f}" if name in bound else ""
        print(f"| {name} | {rate:,.0f} | {ratio:.2f} | {share} |")
    rates = ", ".join(f"{name} {options.batch / taken[name]:,.0f}" for name in alone)
    print(f"\nalone, rows/s: {rates}")


def stack(options: argparse.Namespace) -> None:
    """Compare whole trainings through `train_many`, with the store and held-out metrics: one pass, and one per SAE."""
    members = {f"relu-{index}": SAESpec(ReLU(width=768, l1=1.0 + index), index) for index in range(8)}
    training = TrainingConfig(rows_seen=2048 * options.batches, batch=2048)
    with tempfile.TemporaryDirectory() as scratch:
        rows = _write_store(Path(scratch) / "rows", synthetic(2048 * options.batches, 96, "cpu"))
        together, apart = [], []
        for turn in range(options.rounds):
            together.append(_timed(rows, [members], training, Path(scratch) / f"one{turn}", options.device))
            singly = [{name: member} for name, member in members.items()]
            apart.append(_timed(rows, singly, training, Path(scratch) / f"eight{turn}", options.device))
    one_pass, eight_passes = statistics.median(together), statistics.median(apart)
    print("| 8 ReLU SAEs, 768 over 96 | seconds | share |\n| --- | --- | --- |")
    print(f"| eight passes | {eight_passes:.2f} | 1.00 |")
    print(f"| one pass | {one_pass:.2f} | {one_pass / eight_passes:.2f} |")


def _write_store(folder: Path, values: torch.Tensor) -> Rows:
    settings = {"network": "made", "weights": "0" * 64, "layer": "made", "dim": 96}
    store = Store(folder, settings | {"rows_an_image": 64, "images_a_shard": len(values) // 64})
    shard = Shard(images=[(str(index), "") for index in range(len(values) // 64)])
    shard.add(values.half(), torch.zeros(len(values), 3, dtype=torch.int32))
    store.put(shard)
    store.finish()
    return Rows(folder)


def _timed(rows: Rows, passes: list[dict[str, SAESpec]], training: TrainingConfig, out: Path, device: str) -> float:
    started = time.perf_counter()
    for index, members in enumerate(passes):
        train_many(rows, members, out / str(index), training, device)
    return time.perf_counter() - started


def sparse(options: argparse.Namespace) -> None:
    """Compare TopK steps that decode sparse codes with steps that decode dense features."""
    print("| d | m | k | sparse rows/s | dense rows/s | ratio |\n| --- | --- | --- | --- | --- | --- |")
    for dim, width, k in [(96, 768, 8), (96, 768, 64), (96, 768, 256), (480, 3840, 32), (480, 3840, 256)]:
        x = synthetic(2048, dim, options.device)
        both = {
            name: _with_decoding(name == "sparse", visae_step(TopK(width=width, k=k), x))
            for name in ("sparse", "dense")
        }
        taken = seconds(both, options.rounds, options.device)
        rates = {name: 2048 / taken[name] for name in both}
        ratio = rates["sparse"] / rates["dense"]
        print(f"| {dim} | {width} | {k} | {rates['sparse']:,.0f} | {rates['dense']:,.0f} | {ratio:.2f} |")


def _with_decoding(is_sparse: bool, step: Step) -> Step:
    def forced() -> None:
        original = topk_module.sparse_pays
        topk_module.sparse_pays = lambda *_: is_sparse
        step()
        topk_module.sparse_pays = original

    return forced


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["steps", "stack", "sparse"])
    parser.add_argument("--dim", type=int, default=480)
    parser.add_argument("--width", type=int, default=3840)
    parser.add_argument("--k", type=int, default=32)
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--batches", type=int, default=60, help="batches of 2,048 rows that stack trains on")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    print(f"{machine(options.device)}\n")
    {"steps": steps, "stack": stack, "sparse": sparse}[options.what](options)


if __name__ == "__main__":
    main()
