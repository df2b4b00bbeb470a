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
