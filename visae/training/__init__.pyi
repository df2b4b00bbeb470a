from ._config import Training as Training
from ._sweep import read_sweep as read_sweep
from ._train import Member as Member
from ._train import train as train
from ._train import train_many as train_many
