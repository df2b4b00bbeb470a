"""Sparse autoencoders: one file a kind, one base."""

from visae.sae.archetypal import Archetypal as Archetypal
from visae.sae.base import SAE as SAE
from visae.sae.base import Recipe as Recipe
from visae.sae.baselines import ICA as ICA
from visae.sae.baselines import PCA as PCA
from visae.sae.baselines import Neurons as Neurons
from visae.sae.baselines import RandomDirections as RandomDirections
from visae.sae.batchtopk import BatchTopK as BatchTopK
from visae.sae.block import Block as Block
from visae.sae.dictionary import load as load
from visae.sae.dictionary import save as save
from visae.sae.gated import Gated as Gated
from visae.sae.jumprelu import JumpReLU as JumpReLU
from visae.sae.kinds import recipe as recipe
from visae.sae.matryoshka import Matryoshka as Matryoshka
from visae.sae.relu import ReLU as ReLU
from visae.sae.stacking import same_shape as same_shape
from visae.sae.stacking import stack as stack
from visae.sae.stacking import unstack as unstack
from visae.sae.topk import TopK as TopK
