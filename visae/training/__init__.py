"""Training: the loop, its batches, checkpoints and log."""

from visae.training.loop import train as train
from visae.training.recipe import Training as Training
