"""Stores of made rows to train on, and a look at what training left."""

import torch
import torch.nn.functional as F

from visae.activations import Rows
from visae.activations._store import Shard, Store
from visae.sae import PCA, BatchTopK, Block, Gated, JumpReLU, ReLU, TopK
from visae.training import SAESpec, TrainingConfig

CONFIGS = [TopK(width=24, k=2, dead_after=200), ReLU(width=24, l1=0.1)]
SHORT = TrainingConfig(epochs=3, batch=180, lr=3e-3)  # 15 steps on 1,000 rows, of which 100 are held out
FILES = ["log.jsonl", "sae.safetensors"]

AUX = {"aux_k": 4, "dead_after": 200}
SWEEP = {
    "topk-k1": SAESpec(TopK(width=16, k=1, **AUX)),
    "topk-k3": SAESpec(TopK(width=16, k=3, **AUX), seed=1),
    "relu-weak": SAESpec(ReLU(width=16, l1=0.1)),
    "relu-strong": SAESpec(ReLU(width=16, l1=2.0)),
    "gated": SAESpec(Gated(width=12, l1=0.5)),
    "jumprelu": SAESpec(JumpReLU(width=12, l0=0.1)),
    "batchtopk": SAESpec(BatchTopK(width=12, k=2, **AUX)),
    "block": SAESpec(Block(width=12, size=2, blocks=1)),
    "pca": SAESpec(PCA(k=2)),
}
FEW = TrainingConfig(epochs=2, batch=150, lr=3e-3)  # 12 steps on 1,000 rows


def store_of(folder, values, rows_an_image=10, images_a_shard=8):
    """A finished store with these values as its rows."""
    images = len(values) // rows_an_image
    settings = {
        "network": "made",
        "weights": "0" * 64,
        "layer": "up",
        "dim": values.shape[1],
        "rows_an_image": rows_an_image,
        "images_a_shard": images_a_shard,
    }
    store = Store(folder, settings)
    for first in range(0, images, images_a_shard):
        here = range(first, min(first + images_a_shard, images))
        shard = Shard(images=[(f"image {index}", "digest") for index in here])
        part = values[here.start * rows_an_image : here.stop * rows_an_image].half()
        shard.add(part, torch.zeros(len(part), 3, dtype=torch.int32))
        store.put(shard)
    store.finish()
    return Rows(folder)


def numbered(folder, images, rows_an_image=10):
    """A store whose rows say their own number, in two digits of base 256."""
    number = torch.arange(images * rows_an_image)
    return store_of(folder, torch.stack([number // 256, number % 256], 1).float(), rows_an_image)


def numbers_of(rows):
    return (256 * rows[:, 0] + rows[:, 1]).long().tolist()


def planted(folder, count=6000, features=16, dim=10, rate=0.1):
    """A store of rows made of known directions, each present at random, and the directions."""
    source = torch.Generator().manual_seed(0)
    truth = F.normalize(torch.randn(features, dim, generator=source), dim=1)
    present = torch.rand(count, features, generator=source) < rate
    codes = present * (0.5 + torch.rand(count, features, generator=source))
    return store_of(folder, 20 * codes @ truth + 3, images_a_shard=100), truth


def content(folder):
    """The bytes of every file in a folder and its folders."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
