"""A tiny reproduction of the Persian rug, made once for all workers."""

import json

import pytest


@pytest.fixture(scope="session")
def tiny_rug(shared):
    """The folder of the reproduction, and its report as it is read again."""
    # Imported late, so that the hook of tests/conftest.py is in place.
    from visae.papers.persian_rug import RugSettings, RugTraining, reproduce

    settings = RugSettings(
        name="tiny",
        n=16,
        densities=(0.045, 0.3, 0.9),
        ratios=(0.25, 0.5),
        sizes=(16, 32),
        seeds=2,
        engineered_sizes=(64, 128),
        table_ratios=(0.25,),
        table_densities=(0.01, 0.2),
        sparse=((1024, 0.1), (512, 0.2)),
        values=1 << 15,
        tied=RugTraining(steps=40, batch=64, held_out=1024),
        apart=RugTraining(steps=40, batch=64, held_out=1024, start="apart"),
    )
    out = shared("tiny_rug", lambda folder: reproduce(folder, settings, seed=0, device="cpu"))
    return out, json.loads((out / "persian-rug.json").read_text())
