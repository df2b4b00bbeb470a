"""What tests share. Shapes and types of the package are checked from here on, before anything imports it."""

import os
from pathlib import Path

import pytest
import torch
from jaxtyping import install_import_hook

install_import_hook("visae", "typecheck.checked")
# One thread a worker: threads of several workers on the same cores wait for each other.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of other people's data, which is not part of the project."""
    folder = os.environ.get("VISAE_TEST_DATA")
    if not folder:
        pytest.skip("VISAE_TEST_DATA is not set: it names the folder of weights, facts and photographs")
    return Path(folder)


@pytest.fixture(scope="session")
def recovered(tmp_path_factory):
    """A folder with `rows/` and `sae/`, and the planted network, its rows, and a dictionary that found most of it."""
    # Here, because nothing of the package may be imported before the hook is in place.
    import visae
    from visae.activations import Positions, capture_layers
    from visae.images import Leaves

    out = tmp_path_factory.mktemp("recovered")
    network = visae.network("planted", device="cpu")
    rows = capture_layers(network, {"mixed": out / "rows"}, Leaves(600, 128), Positions())["mixed"]
    training = visae.Training(epochs=40, batch=1024)
    return out, network, rows, visae.train(rows, visae.Archetypal(width=128, k=2), out / "sae", training, "cpu")
