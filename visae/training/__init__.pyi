from ._config import SAESpec as SAESpec
from ._config import TrainingConfig as TrainingConfig
from ._sweep import read_sweep as read_sweep
from ._train import train as train
from ._train import train_many as train_many
from ._train_layer import Budget as Budget
from ._train_layer import default_budget as default_budget
from ._train_layer import train_layer as train_layer
