"""Dictionary learning: what `online` and `mod` reach and take, beside scikit-learn's MiniBatchDictionaryLearning.

    OMP_NUM_THREADS=2 python benchmarks/dictionary_learning.py --rows rows/

All see the same rows once, in the same order and batches, from the same start; scikit-learn and the first `online`
learn from LASSO codes with the same penalty. Each dictionary is then judged on other rows: by the LASSO objective,
|z - f D|^2 / 2 + l1 |f|, and by the variance that a pursuit with k features on average explains.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from machine import machine
from sklearn.decomposition import MiniBatchDictionaryLearning

from visae._support.tables import markdown
from visae.activations import Rows
from visae.sae import MOD, SAE, Online
from visae.sae._lasso import lasso
from visae.sae._pursuit import gain_threshold, pursue

_JUDGED = 8192  # rows


def started(config: MOD | Online, x: torch.Tensor) -> SAE:
    """Return an SAE before its first batch; all kinds start from the same rows."""
    sae = config.build(x.shape[1], torch.Generator().manual_seed(0))
    sae.fit_scale(x.mean(0), x.var(0))
    sae.initialise(sae.standardise(x[:65_536]))
    return sae


def learn(sae: SAE, z: torch.Tensor, batch: int) -> torch.Tensor:
    """Learn from rows in their order; return the directions."""
    for index, part in enumerate(z.split(batch)):
        _, fired = sae.learn(part, min((index + 1) * batch / len(z), 1))
        sae.count_rows_since_fired(fired, len(part))
    return sae.decoder


def learn_by_peer(start: torch.Tensor, z: torch.Tensor, batch: int, l1: float) -> torch.Tensor:
    """Learn by scikit-learn; return the directions, at unit norm."""
    peer = MiniBatchDictionaryLearning(
        len(start),
        alpha=l1,
        batch_size=batch,
        max_iter=1,
        shuffle=False,
        dict_init=start.double().numpy(),
        fit_algorithm="cd",
        positive_code=True,
        max_no_improvement=None,
        tol=0,
    )
    with warnings.catch_warnings():
        # Coordinate descent stops short of its tolerance on some rows.
        warnings.simplefilter("ignore")
        peer.fit(z.double().numpy())
    return F.normalize(torch.from_numpy(peer.components_).float(), dim=1)


def judge(decoder: torch.Tensor, z: torch.Tensor, k: int, l1: float) -> tuple[float, float]:
    """Return the LASSO objective of a row, and the variance explained by k features on average."""
    gram = decoder @ decoder.T
    f = lasso(z, decoder, l1, gram)
    objective = (z - f @ decoder).square().sum(1) / 2 + l1 * f.sum(1)
    most = 2 * k + 16
    min_gain = gain_threshold(pursue(z, decoder, most, gram=gram).gains, k)
    left = z - pursue(z, decoder, most, min_gain, gram).dense(len(decoder)) @ decoder
    return objective.mean().item(), 1 - (left.square().sum() / (z - z.mean(0)).square().sum()).item()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", required=True)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--k", type=int, default=4)
    parser.add_argument("--l1", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=2048)
    given = parser.parse_args()
    store = Rows(given.rows)
    order = torch.randperm(len(store), generator=torch.Generator().manual_seed(0))[: given.count + _JUDGED]
    x, judged = store.gather(order).float().split([given.count, _JUDGED])
    by_lasso = Online(width=given.width, k=given.k, l1=given.l1)
    start = started(by_lasso, x)
    z, judged = start.standardise(x) - start.bias, start.standardise(judged) - start.bias
    learners: dict[str, Callable[[], torch.Tensor]] = {
        "the start": lambda: start.decoder,
        "scikit-learn": lambda: learn_by_peer(start.decoder, z, given.batch, given.l1),
        "online, by LASSO": lambda: learn(started(by_lasso, x), start.standardise(x), given.batch),
        "online": lambda: learn(started(Online(width=given.width, k=given.k), x), start.standardise(x), given.batch),
        "mod": lambda: learn(started(MOD(width=given.width, k=given.k), x), start.standardise(x), given.batch),
    }
    table = [["dictionary", "seconds", "LASSO objective", f"explained variance, L0 {given.k}"]]
    for name, learned in learners.items():
        begun = time.perf_counter()
        decoder = learned().clone()
        took = time.perf_counter() - begun
        objective, explained = judge(decoder, judged, given.k, given.l1)
        table.append([name, f"{took:.0f}", f"{objective:.2f}", f"{explained:.4f}"])
    print(
        f"{store.dim} dimensions, {given.width} features, {given.count:,} rows; {machine('cpu')}\n\n{markdown(table)}"
    )


if __name__ == "__main__":
    main()
