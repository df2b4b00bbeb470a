import pytest

from visae.networks import Network
from visae.networks.planted import PlantedNetwork


@pytest.fixture(scope="session")
def planted():
    return Network("planted", PlantedNetwork(), "")
