"""Activations: choosing positions, capturing them, and the store on disk."""

from visae.activations.capture import capture as capture
from visae.activations.capture import capture_layers as capture_layers
from visae.activations.positions import Positions as Positions
from visae.activations.rows import Rows as Rows
