"""What tests share. Shapes and types of the package are checked from here on, before anything imports it."""

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook("visae", "typecheck.checked")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of other people's data, which is not part of the project."""
    folder = os.environ.get("VISAE_TEST_DATA")
    if not folder:
        pytest.skip("VISAE_TEST_DATA is not set: it names the folder of weights, facts and photographs")
    return Path(folder)
