"""Training: one pass for many SAEs, its batches, checkpoints and logs."""

from visae.training.loop import Member as Member
from visae.training.loop import train as train
from visae.training.loop import train_many as train_many
from visae.training.recipe import Training as Training
from visae.training.sweep import read_sweep as read_sweep
