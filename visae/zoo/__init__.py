"""Networks: InceptionV1 in its two published forms, torchvision's, any module, and the planted one."""

from visae.zoo.network import Network as Network
from visae.zoo.opening import network as network
