"""Small stores of rows to train on, the SAEs that are trained on them, and the files that training leaves."""

import torch
import torch.nn.functional as F

from visae.activations import Rows
from visae.activations._store import Shard, Store
from visae.sae import PCA, BatchTopK, Block, Gated, JumpReLU, ReLU, TopK
from visae.training import SAESpec, TrainingConfig

CONFIGS = [TopK(width=24, k=2, aux_k=64, dead_after=200), ReLU(width=24, l1=0.1)]
# 15 steps on 1,000 rows, of which 100 are held out.
FIFTEEN_STEPS = TrainingConfig(rows_seen=2700, batch=180, lr=3e-3)
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
# The members of the sweep that are trained as one stack; the others are alone in theirs, and a baseline in none.
STACKS = [("topk-k1", "topk-k3"), ("relu-weak", "relu-strong"), ("gated",), ("jumprelu",), ("batchtopk",), ("block",)]
# On 1,000 rows.
TWELVE_STEPS = TrainingConfig(rows_seen=1800, batch=150, lr=3e-3)


def write_store(folder, values, rows_per_image=10, images_per_shard=8):
    """Write a finished store with these values as its rows, and open it."""
    images = len(values) // rows_per_image
    settings = {
        "network": "made",
        "weights": "0" * 64,
        "layer": "up",
        "dim": values.shape[1],
        "rows_an_image": rows_per_image,
        "images_a_shard": images_per_shard,
    }
    store = Store(folder, settings)
    for first in range(0, images, images_per_shard):
        covered = range(first, min(first + images_per_shard, images))
        shard = Shard(images=[(f"image {index}", "digest") for index in covered])
        rows = values[covered.start * rows_per_image : covered.stop * rows_per_image].half()
        shard.add(rows, torch.zeros(len(rows), 3, dtype=torch.int32))
        store.put(shard)
    store.finish()
    return Rows(folder)


def write_numbered_store(folder, images, rows_per_image=10):
    """Write a store whose rows hold their own number, as two digits of base 256."""
    number = torch.arange(images * rows_per_image)
    return write_store(folder, torch.stack([number // 256, number % 256], 1).float(), rows_per_image)


def row_numbers(rows):
    """Read the numbers of the rows of a numbered store."""
    return (256 * rows[:, 0] + rows[:, 1]).long().tolist()


def write_planted_store(folder, count=6000, features=16, dim=10, density=0.1):
    """Write a store of sparse combinations of random directions; return it, and the directions."""
    generator = torch.Generator().manual_seed(0)
    directions = F.normalize(torch.randn(features, dim, generator=generator), dim=1)
    fires = torch.rand(count, features, generator=generator) < density
    codes = fires * (0.5 + torch.rand(count, features, generator=generator))
    return write_store(folder, 20 * codes @ directions + 3, images_per_shard=100), directions


def file_contents(folder):
    """Return the bytes of every file below a folder, by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_files(folder, contents):
    """Write files below a folder, as `file_contents` returned them."""
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
