from ._network import Network as Network
from ._registry import network as network
