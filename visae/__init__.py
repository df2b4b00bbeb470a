"""visae takes convolutional networks apart.

Reads the activations of a layer at every position of many images, learns a sparse dictionary of them, and asks of
every unit, neuron or feature alike, what it responds to.
"""

from visae.activations import Rows as Rows
from visae.activations import capture as capture
from visae.errors import VisaeError as VisaeError
from visae.sae import SAE as SAE
from visae.sae import ReLU as ReLU
from visae.sae import TopK as TopK
from visae.sae import load as load
from visae.training import Training as Training
from visae.training import train as train
from visae.tuning import Curves as Curves
from visae.tuning import curves as curves
from visae.units import Units as Units
from visae.units import features as features
from visae.units import neurons as neurons
from visae.zoo import Network as Network
from visae.zoo import network as network

__version__ = "0.1.0"
