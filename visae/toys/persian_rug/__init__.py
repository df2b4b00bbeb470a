"""The Persian rug: features squeezed through a bottleneck by weights of which only statistics count.

Cowsik, Dolev and Infanger 2024, "The Persian Rug: solving toy models of superposition using large-scale symmetries"
(arXiv 2410.12101).
"""

from visae.toys.persian_rug.data import sparse as sparse
from visae.toys.persian_rug.engineered import Engineered as Engineered
from visae.toys.persian_rug.engineered import Rug as Rug
from visae.toys.persian_rug.engineered import engineered as engineered
from visae.toys.persian_rug.engineered import weave as weave
from visae.toys.persian_rug.hadamard import hadamard as hadamard
from visae.toys.persian_rug.models import Stack as Stack
from visae.toys.persian_rug.scaling import Power as Power
from visae.toys.persian_rug.scaling import fit_power as fit_power
from visae.toys.persian_rug.scaling import fit_sparse as fit_sparse
from visae.toys.persian_rug.shuffles import BREAKING as BREAKING
from visae.toys.persian_rug.shuffles import KEEPING as KEEPING
from visae.toys.persian_rug.shuffles import dense_loss as dense_loss
from visae.toys.persian_rug.symmetry import Symmetry as Symmetry
from visae.toys.persian_rug.symmetry import chance_distance as chance_distance
from visae.toys.persian_rug.symmetry import noise_distance as noise_distance
from visae.toys.persian_rug.symmetry import symmetry as symmetry
from visae.toys.persian_rug.theory import finite_size as finite_size
from visae.toys.persian_rug.theory import linear_loss as linear_loss
from visae.toys.persian_rug.theory import noise_kurtosis as noise_kurtosis
from visae.toys.persian_rug.theory import predict as predict
from visae.toys.persian_rug.theory import projection_loss as projection_loss
from visae.toys.persian_rug.theory import sparse_limit as sparse_limit
from visae.toys.persian_rug.training import Member as Member
from visae.toys.persian_rug.training import Trained as Trained
from visae.toys.persian_rug.training import Training as Training
from visae.toys.persian_rug.training import train as train
