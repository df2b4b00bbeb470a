"""The planted network and the battery of its layers, measured once for the tests of this folder."""

import pytest


@pytest.fixture(scope="session")
def network():
    import visae

    return visae.network("planted", device="cpu")


@pytest.fixture(scope="session")
def planted_batteries(network):
    """Batteries of the planted features themselves, `truth`, and of the neurons that mix them, `mixed`."""
    import visae
    from visae.tuning import battery

    layers = ("truth", "mixed")
    return dict(zip(layers, battery([visae.neurons(network, layer) for layer in layers], radii=8), strict=True))
