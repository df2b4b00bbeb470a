"""visae takes convolutional networks apart.

Reads the activations of a layer at every position of many images, learns a sparse dictionary of them, and asks of
every unit, neuron or feature alike, what it responds to.
"""

from visae import examples as examples
from visae import images as images
from visae import viz as viz
from visae.activations import Rows as Rows
from visae.activations import capture as capture
from visae.errors import VisaeError as VisaeError
from visae.evaluation import evaluate as evaluate
from visae.evidence import Evidence as Evidence
from visae.sae import ICA as ICA
from visae.sae import PCA as PCA
from visae.sae import SAE as SAE
from visae.sae import Archetypal as Archetypal
from visae.sae import BatchTopK as BatchTopK
from visae.sae import Block as Block
from visae.sae import Gated as Gated
from visae.sae import JumpReLU as JumpReLU
from visae.sae import Matryoshka as Matryoshka
from visae.sae import Neurons as Neurons
from visae.sae import RandomDirections as RandomDirections
from visae.sae import ReLU as ReLU
from visae.sae import TopK as TopK
from visae.sae import load as load
from visae.training import Member as Member
from visae.training import Training as Training
from visae.training import train as train
from visae.training import train_many as train_many
from visae.tuning import Curves as Curves
from visae.tuning import curves as curves
from visae.units import Units as Units
from visae.units import features as features
from visae.units import neurons as neurons
from visae.version import VERSION
from visae.zoo import Network as Network
from visae.zoo import network as network

__version__ = VERSION
