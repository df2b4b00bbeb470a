"""Sparse autoencoders: one file a kind, one base."""

from visae.sae.base import SAE as SAE
from visae.sae.base import Recipe as Recipe
from visae.sae.dictionary import load as load
from visae.sae.dictionary import save as save
from visae.sae.kinds import recipe as recipe
from visae.sae.relu import ReLU as ReLU
from visae.sae.topk import TopK as TopK
