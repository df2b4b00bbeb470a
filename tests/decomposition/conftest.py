import pytest


@pytest.fixture(scope="package")
def made(recovered):
    """The folder of the recovered planted dictionary, and the decomposition of its layer."""
    from visae.decomposition import decompose_layer

    out, network, rows, sae = recovered
    return out, decompose_layer(network, "mixed", sae, rows)
