from ._config import TrainingConfig as TrainingConfig
from ._sweep import read_sweep as read_sweep
from ._train import SAESpec as SAESpec
from ._train import train as train
from ._train import train_many as train_many
