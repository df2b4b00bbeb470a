"""Every notebook runs as it is committed, on the embedded default."""

import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():
    # Of other people's packages, at import.
    warnings.simplefilter("ignore")
    import nbformat
    from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.ipynb")))
@pytest.mark.filterwarnings("default")
def test_it_runs_from_an_empty_folder(name, tmp_path, monkeypatch):
    # The kernel is a process of its own: as many threads as a worker of the tests has.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(FOLDER / name, as_version=4)
    pictures = count(notebook, "image/png")
    client = NotebookClient(notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": tmp_path}})
    client.execute()
    assert pictures
    assert count(notebook, "image/png") == pictures
    assert "REAL = False" in notebook.cells[1].source


def count(notebook, kind):
    return sum(kind in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))
