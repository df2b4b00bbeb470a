"""A tiny reproduction of the bag of words, made once for all workers."""

import json

import pytest


@pytest.fixture(scope="session")
def tiny_settings():
    """Settings for seconds of training."""
    # Imported late, so that the hook of tests/conftest.py is in place.
    from visae.papers.bag_of_words import BagSettings, BagTraining

    return BagSettings(
        name="tiny",
        latents=(2, 4),
        seeds=2,
        few=2,
        draws=2000,
        synthetic=BagTraining(epochs=30, batch=200, lr=2e-2),
        shares=(0.1, 0.2),
        vocabulary=1000,
        words=8000,
        text=BagTraining(epochs=6, batch=256, lr=1e-2),
    )


@pytest.fixture(scope="session")
def tiny_bag(shared, tiny_settings):
    """The folder of the reproduction, and its report as it is read again."""
    from visae.papers.bag_of_words import reproduce

    out = shared("tiny_bag", lambda folder: reproduce(folder, tiny_settings))
    return out, json.loads((out / "bag-of-words.json").read_text())
