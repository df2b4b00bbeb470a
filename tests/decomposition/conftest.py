import pytest


@pytest.fixture(scope="package")
def made(recovered):
    """The planted network with a dictionary that found most of it, decomposed; and the folder of that dictionary."""
    from visae.decomposition import decompose

    out, network, rows, sae = recovered
    return out, decompose(network, "mixed", sae, rows)
