"""What tests share. Shapes and types of the package are checked from here on, before anything imports it."""

import os
import signal
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from jaxtyping import install_import_hook

install_import_hook("visae", "typecheck.checked")
# One thread a worker: threads of several workers on the same cores wait for each other.
torch.set_num_threads(1)
# Shells start background jobs with SIGINT ignored, which the tests of Ctrl-C send.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of other people's data, which is not part of the project."""
    folder = os.environ.get("VISAE_TEST_DATA")
    if not folder:
        pytest.skip("VISAE_TEST_DATA is not set: it names the folder of weights, facts and photographs")
    return Path(folder)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """Make a folder once for all workers: `shared("name", make)` calls `make(folder)` unless some worker has done so.

    For what several files need and takes seconds: rows, dictionaries, an atlas. Tests must not write into it.
    """
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    root.mkdir(exist_ok=True)

    def folder(name, make):
        made, done = root / name, root / f"{name}.done"
        with FileLock(root / f"{name}.lock"):
            if not done.exists():
                make(made)
                done.touch()
        return made

    return folder


@pytest.fixture(scope="session")
def recovered(shared):
    """A folder with `rows/` and `sae/`, and the planted network, its rows, and a dictionary that found most of it."""
    # Here, because nothing of the package may be imported before the hook is in place.
    import visae
    from visae.activations import Positions, Rows, capture_layers
    from visae.images import Leaves

    network = visae.network("planted", device="cpu")

    def make(out):
        rows = capture_layers(network, {"mixed": out / "rows"}, Leaves(600, 128), Positions())["mixed"]
        visae.train(
            rows,
            visae.Archetypal(width=128, k=2),
            out / "sae",
            visae.TrainingConfig(rows_seen=1_351_680, batch=1024, lr=3e-3, revive=0.5),
            "cpu",
        )

    out = shared("recovered", make)
    return out, network, Rows(out / "rows"), visae.load(out / "sae")
