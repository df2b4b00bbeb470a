import pytest

from visae.networks import Network
from visae.networks.planted._network import Planted


@pytest.fixture(scope="session")
def planted():
    return Network("planted", Planted(), "")
