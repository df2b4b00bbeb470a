import contextlib
import io

import pytest

from visae import cli

NETWORK = ["--network", "planted", "--layer", "mixed"]
IMAGES = ["--images", "leaves:20", "--crop", "64", "--positions", "32"]
SAE = ["--sae", "topk", "--k", "3", "--width", "64", "--rows-seen", "1024", "--batch", "128"]


@pytest.fixture(scope="session")
def planted_run(shared):
    """A folder with `run/`, made by `visae run` with the options above, and with `printed.txt`, what that printed."""

    def make(folder):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            cli.main(["run", *NETWORK, *IMAGES, *SAE, "--out", str(folder / "run")])
        (folder / "printed.txt").write_text(printed.getvalue())

    return shared("planted_run", make)
