"""Pursuit speed: rows per second, beside the floor and scikit-learn's `sparse_encode`, in one process.

    OMP_NUM_THREADS=2 python benchmarks/pursuit.py                  # rows like those of a layer, drawn
    OMP_NUM_THREADS=2 python benchmarks/pursuit.py --rows rows/     # rows of a store
    python benchmarks/pursuit.py --device cuda

The floor is the time of the unavoidable parts alone: the product of rows and directions, 2 d m operations a row; the
sums of the Gram rows of what is selected, m (1 + ... + (k - 1)) products a row from cache; and k searches for the
largest of m. Every number is the median over rounds in which all take turns. scikit-learn codes with signs, and so does
visae for the check that both give the same codes; the rates of visae are those of non-negative codes.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from machine import machine
from sklearn.decomposition import sparse_encode
from training import synthetic

from visae._support.tables import markdown
from visae.activations import Rows
from visae.sae._pursuit import pursue
from visae.sae._topk_select import argmax_rows

_PEER_ROWS = 512
_PIECE = 1024


def seconds(step: Callable[[], object], device: str) -> float:
    """Time one call."""
    started = time.perf_counter()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def floor(z: torch.Tensor, decoder: torch.Tensor, gram: torch.Tensor, k: int) -> None:
    """Do the unavoidable parts of a pursuit, piece by piece."""
    for part in z.split(_PIECE):
        matches = part @ decoder.T
        features = torch.arange(len(part) * k, device=z.device).view(-1, k) % len(gram)
        for step in range(k):
            argmax_rows(matches)
            if step:
                weights = matches[:, :step].contiguous()
                F.embedding_bag(features[:, :step].contiguous(), gram, per_sample_weights=weights, mode="sum")


def agreement(z: torch.Tensor, decoder: torch.Tensor, k: int) -> float:
    """Return the share of rows that visae and scikit-learn code alike, to 1e-3 of the largest value."""
    own = pursue(z, decoder, k, positive=False).dense(len(decoder)).cpu()
    peer = torch.from_numpy(peer_codes(z, decoder, k)).to(own)
    return ((own - peer).abs().amax(1) <= 1e-3 * own.abs().amax(1)).double().mean().item()


def peer_codes(z: torch.Tensor, decoder: torch.Tensor, k: int) -> object:
    """Code rows by scikit-learn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sparse_encode(z.cpu().numpy(), decoder.cpu().numpy(), algorithm="omp", n_nonzero_coefs=k)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", help="a store; drawn rows without it")
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--dim", type=int, default=96)
    parser.add_argument("--count", type=int, default=16_384)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    count = given.count + given.width
    if given.rows:
        store = Rows(given.rows)
        x = store.gather(torch.randperm(len(store), generator=torch.Generator().manual_seed(0))[:count])
        x = x.to(given.device)
    else:
        x = synthetic(count, given.dim, given.device)
    z = x[given.width :] / x.square().mean().sqrt()
    decoder = F.normalize(x[: given.width], dim=1)
    gram = decoder @ decoder.T
    table = [["k", "rows/s", "floor, rows/s", "share of the floor", "scikit-learn, rows/s", "times", "same codes"]]
    for k in (4, 8, 16):
        steps: dict[str, tuple[Callable[[], object], int]] = {
            "visae": (lambda k=k: pursue(z, decoder, k, gram=gram), len(z)),
            "floor": (lambda k=k: floor(z, decoder, gram, k), len(z)),
            "peer": (lambda k=k: peer_codes(z[:_PEER_ROWS], decoder, k), _PEER_ROWS),
        }
        times: dict[str, list[float]] = {name: [] for name in steps}
        for round_ in range(given.rounds + 1):
            for name, (step, rows) in steps.items():
                took = seconds(step, given.device) / rows
                # The first round warms up.
                times[name] += [took] * bool(round_)
        own, least, peer = (1 / statistics.median(times[name]) for name in steps)
        same = agreement(z[:_PEER_ROWS], decoder, k)
        table.append(
            [
                str(k),
                f"{own:,.0f}",
                f"{least:,.0f}",
                f"{own / least:.2f}",
                f"{peer:,.0f}",
                f"{own / peer:.0f}",
                f"{same:.1%}",
            ]
        )
    print(f"{x.shape[1]} dimensions, {given.width} features; {machine(given.device)}\n\n{markdown(table)}")


if __name__ == "__main__":
    main()
