"""Taking polysemantic neurons apart: the features that write to a neuron, and what each of them is."""

from visae.decomposition.case import Case as Case
from visae.decomposition.case import case as case
from visae.decomposition.layer import Decomposition as Decomposition
from visae.decomposition.layer import decompose as decompose
from visae.decomposition.meanings import LARGE as LARGE
from visae.decomposition.meanings import Meaning as Meaning
from visae.decomposition.meanings import meanings as meanings
from visae.decomposition.meanings import most_polysemantic as most_polysemantic
from visae.decomposition.meanings import words as words
from visae.decomposition.parts import LEAST as LEAST
from visae.decomposition.parts import Part as Part
from visae.decomposition.parts import named as named
from visae.decomposition.parts import parts as parts
